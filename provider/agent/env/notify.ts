import { type ChildProcess, spawn } from "node:child_process";

/** What systemd is told (sd_notify). Without NOTIFY_SOCKET every call does nothing. */
export interface Notifier {
  /** Start-up is finished. */
  ready(): void;
  /** Still alive; at most one message a second is sent, whatever the number of calls. */
  watchdog(): void;
  /** A planned stop has begun. */
  stopping(): void;
  close(): void;
}

const LEAST_MS_BETWEEN_WATCHDOGS = 1000;

/**
 * Node has no unix datagram sockets, so one long-lived socat forwards each line as a datagram; the unit needs
 * `NotifyAccess=all`. A socat that ended is started again by the next message.
 */
export function createNotifier(
  o: { socket?: string; command?: (target: string) => string[] } = {},
): Notifier {
  const socket = o.socket ?? process.env.NOTIFY_SOCKET;
  if (!socket) return { ready() {}, watchdog() {}, stopping() {}, close() {} };
  const [file, ...args] = (o.command ?? socatCommand)(socket);
  let child: ChildProcess | null = null;
  let lastWatchdog = Number.NEGATIVE_INFINITY;

  const send = (message: string) => {
    child ??= start();
    child.stdin?.write(`${message}\n`);
  };
  const start = () => {
    const started = spawn(file!, args, { stdio: ["pipe", "ignore", "inherit"] });
    const forget = () => {
      if (child === started) child = null;
    };
    started.on("exit", forget);
    started.on("error", forget);
    started.stdin.on("error", forget);
    return started;
  };
  return {
    ready: () => send("READY=1"),
    stopping: () => send("STOPPING=1"),
    watchdog() {
      const now = Number(process.hrtime.bigint()) / 1e6;
      if (now - lastWatchdog < LEAST_MS_BETWEEN_WATCHDOGS) return;
      lastWatchdog = now;
      send("WATCHDOG=1");
    },
    close: () => child?.stdin?.end(),
  };
}

/** A leading `@` is systemd's way to write an abstract address. */
export function socatCommand(socket: string): string[] {
  const target = socket.startsWith("@") ? `ABSTRACT-SENDTO:${socket.slice(1)}` : `UNIX-SENDTO:${socket}`;
  return ["socat", "-u", "STDIN", target];
}
