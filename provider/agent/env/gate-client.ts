import { connect, type Socket } from "node:net";
import { parse, parseJson } from "../../contract";
import type { Clock, Gate, LeaseEvent, Log, TxnOutcome } from "../env";
import { readLines } from "../lease/lines";
import { gateStateSchema, messageSchema, outcomeSchema, type Request } from "../lease/protocol";
import { createClock } from "./clock";
import { createStanding } from "./gate-standing";

const RECONNECT_MS = 50;
/**
 * Without the lease process for this long the session counts as lapsed: its timers have run out by then. Nothing that
 * can be asked again waits for it any longer either.
 */
const LEASE_SILENT_MS = 5000;

export interface GateClientOptions {
  /** The lease process's socket. */
  socketPath: string;
  /** The host's own by default. */
  clock?: Clock;
  log: Pick<Log, "info" | "warn">;
}

type Body = Exclude<Request, { op: "ping" }>;

interface Pending {
  body: Body;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * The agent's gate: the lease process behind its socket. When that process restarts, the session and the
 * configuration are sent again, and so is every request without a reply but joins: their outcome is unknown.
 */
export function createGateClient(o: GateClientOptions): Gate & { close(): void } {
  const { clock = createClock() } = o;
  const listeners: ((event: LeaseEvent) => void)[] = [];
  const pending = new Map<number, Pending>();
  const standing = createStanding((event) => {
    for (const listener of listeners) listener(event);
  });
  const ended = new AbortController();
  let socket: Socket | null = null;
  let lastId = 0;
  let session: Extract<Body, { op: "adopt" }> | null = null;
  let config: Extract<Body, { op: "configure" }> | null = null;

  function request(body: Body): Promise<unknown> {
    return new Promise((resolve, reject) => {
      pending.set(body.id, { body, resolve, reject });
      if (socket) write(socket, body);
      else if (body.op === "join") settleJoin(body.id, "not sent: the lease process is not connected");
    });
  }

  /** Throws, with where to look, when the reply does not come in time; the caller asks again with what holds then. */
  async function inTime(body: Body): Promise<unknown> {
    const answered = new AbortController();
    const limit = clock.sleep(LEASE_SILENT_MS, answered.signal).then(() => {
      if (answered.signal.aborted) return;
      pending.delete(body.id);
      const units = "`systemctl status container-ha-lease` and `journalctl -u container-ha-lease` tell why";
      throw new Error(
        `the lease process has not answered \`${body.op}\` for ${LEASE_SILENT_MS / 1000} s; ${units}`,
      );
    });
    try {
      return await Promise.race([request(body), limit]);
    } finally {
      answered.abort();
    }
  }

  function settleJoin(id: number, cause: string): void {
    const outcome: TxnOutcome = { result: "unknown", cause };
    pending.get(id)?.resolve(outcome);
    pending.delete(id);
  }

  function connected(to: Socket): void {
    socket = to;
    const unanswered = [...pending.values()];
    // First what the others build on; to a lease process that knows it, it is nothing new.
    for (const body of [config, session]) if (body && !pending.has(body.id)) repeat(body);
    for (const { body } of unanswered) write(to, body);
  }

  function repeat(body: Body): void {
    request({ ...body, id: next() }).catch((error: Error) =>
      o.log.warn(`The restarted lease process refused to ${body.op} again: ${error.message}`),
    );
  }

  function disconnected(): void {
    socket = null;
    for (const { body } of [...pending.values()]) {
      if (body.op === "join") settleJoin(body.id, "the lease process ended before it replied");
    }
  }

  function received(line: string): void {
    const message = parseJson(messageSchema, line, "a message of the lease process");
    if ("event" in message) {
      if (message.event.type === "lost" && message.event.sid === session?.sid) session = null;
      standing.heard(message.event);
      return;
    }
    const waiting = pending.get(message.id);
    pending.delete(message.id);
    if ("error" in message) waiting?.reject(new Error(message.error));
    else waiting?.resolve(message.ok);
  }

  async function keepConnected(): Promise<void> {
    let lostAt: number | null = null;
    while (!ended.signal.aborted) {
      const reached = await oneConnection(o.socketPath, ended.signal, {
        onConnect: (to) => {
          if (lostAt !== null) o.log.info("Connected to the lease process.");
          lostAt = null;
          connected(to);
        },
        onLine: received,
        onBadLine: (error) => o.log.warn(error.message),
      });
      if (reached) disconnected();
      if (lostAt === null && !ended.signal.aborted) {
        lostAt = clock.now();
        o.log.warn("Not connected to the lease process.");
      }
      if (lostAt !== null && clock.now() - lostAt > LEASE_SILENT_MS && session) standing.silent(session.sid);
      await clock.sleep(RECONNECT_MS, ended.signal);
    }
  }

  function next(): number {
    lastId += 1;
    return lastId;
  }

  void keepConnected();
  return {
    async adopt({ sid, record }) {
      session = { op: "adopt", id: next(), sid, record };
      await request(session);
    },
    async configure(settings) {
      config = { op: "configure", id: next(), ...settings };
      await inTime(config);
    },
    join: async ({ container, mac, compares, writes }) => {
      const reply = await request({ op: "join", id: next(), container, mac, compares, writes });
      return parse(outcomeSchema, reply, "the lease process's reply to join");
    },
    leave: async (mac) => {
      await inTime({ op: "leave", id: next(), mac });
    },
    vouch: async (answer) => {
      await inTime({ op: "vouch", id: next(), ...answer });
    },
    state: async () => {
      const reply = await inTime({ op: "state", id: next() });
      return parse(gateStateSchema, reply, "the lease process's reply to state");
    },
    ping: () => {
      if (socket) write(socket, { op: "ping" });
    },
    onEvent: (listener) => {
      listeners.push(listener);
    },
    close: () => {
      ended.abort();
    },
  };
}

/** One connection, from its attempt to its end; resolves with whether it came about. */
function oneConnection(
  path: string,
  signal: AbortSignal,
  on: { onConnect(socket: Socket): void; onLine(line: string): void; onBadLine(error: Error): void },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let reached = false;
    const abort = () => socket.destroy();
    signal.addEventListener("abort", abort);
    socket.on("error", () => {});
    socket.on("connect", () => {
      reached = true;
      on.onConnect(socket);
    });
    socket.on("close", () => {
      signal.removeEventListener("abort", abort);
      resolve(reached);
    });
    readLines(socket, (line) => {
      try {
        on.onLine(line);
      } catch (error) {
        on.onBadLine(error as Error);
        socket.destroy();
      }
    });
  });
}

function write(socket: Socket, request: Request): void {
  socket.write(`${JSON.stringify(request)}\n`);
}
