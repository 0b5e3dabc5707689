import { type ChildProcess, spawn } from "node:child_process";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import {
  type AuthContext,
  type Connection as ClientConnection,
  Server,
  type ServerChannel,
  utils,
} from "ssh2";
import type { ConnectionArgs } from "../../provider/ssh/connection-args";

export interface SshServerOptions {
  /** Passwords and public keys that are let in. @default password "let-me-in" */
  password?: string;
  publicKey?: string;
  /** PATH of the commands, to put fakes first (a `sudo`, a failing `cat`) or to hide programs. @default that of this process */
  path?: string;
  /** Sessions per connection, as sshd's MaxSessions. @default 10 */
  maxSessions?: number;
  /** Speak only a key exchange that nobody should use any more. @default false */
  obsolete?: boolean;
  /** A fixed port, to appear again where another server was. */
  port?: number;
  /** What the login shell prints before each command, as a `.bashrc` may. */
  greeting?: string;
  /** What takes the place of the program in which a command ends. */
  standIn?: StandIn;
}

export interface StandIn {
  /** The words of the command line with which the program is called. */
  words: string;
  answer(input: string): { code: number; stdout?: string; stderr?: string };
}

export type Behaviour = "normal" | "refuse" | "hang-before-handshake" | "hang-at-exec" | "close-at-connect";

/** An sshd in this process on 127.0.0.1. Commands run for real, by the local `sh`, except where something stands in. */
export interface SshServer {
  readonly port: number;
  /** Arguments that connect to it, with its current host key. */
  connection(overrides?: Partial<ConnectionArgs>): ConnectionArgs;
  hostKey(): string;
  behave(behaviour: Behaviour): Promise<void>;
  changeHostKey(): void;
  /** Cuts every connection without a goodbye. */
  dropLinks(): void;
  readonly seen: {
    /** TCP connections. */
    connections: number;
    /** Completed key exchanges. */
    handshakes: number;
    authAttempts: number;
    logins: number;
    openChannels: number;
    peakChannels: number;
    refusedChannels: number;
    commands: string[];
    forwards: { host: string; port: number }[];
  };
  /** Resolves once a command whose text contains this has been started (also if that was before). */
  started(part: string): Promise<void>;
  close(): Promise<void>;
}

export async function startSshServer(options: SshServerOptions = {}): Promise<SshServer> {
  const password = options.password ?? (options.publicKey ? undefined : "let-me-in");
  const seen: SshServer["seen"] = {
    connections: 0,
    handshakes: 0,
    authAttempts: 0,
    logins: 0,
    openChannels: 0,
    peakChannels: 0,
    refusedChannels: 0,
    commands: [],
    forwards: [],
  };
  const sockets = new Set<Socket>();
  const children = new Set<ChildProcess>();
  const waiters: { part: string; resolve: () => void }[] = [];
  let behaviour: Behaviour = "normal";
  let keys = generateKeys();
  let ssh = createSsh();

  function createSsh(): Server {
    const algorithms = options.obsolete ? { kex: ["diffie-hellman-group1-sha1" as const] } : undefined;
    return new Server({ hostKeys: [keys.private], algorithms }, (client) => {
      let sessions = 0;
      client.on("error", () => {});
      client.on("handshake", () => {
        seen.handshakes++;
      });
      client.on("authentication", (context) => {
        if (context.method !== "none") seen.authAttempts++;
        if (allows(context, { password, publicKey: options.publicKey })) context.accept();
        else context.reject(password ? ["password"] : ["publickey"]);
      });
      client.on("ready", () => {
        seen.logins++;
      });
      client.on("session", (accept, reject) => {
        if (sessions >= (options.maxSessions ?? 10)) {
          seen.refusedChannels++;
          return reject();
        }
        sessions++;
        seen.peakChannels = Math.max(seen.peakChannels, ++seen.openChannels);
        const session = accept();
        session.on("close", () => {
          sessions--;
          seen.openChannels--;
        });
        session.on("exec", (acceptExec, _reject, info) => {
          const channel = acceptExec();
          if (behaviour !== "hang-at-exec") serve(channel, info.command);
          noteCommand(info.command);
        });
      });
      acceptForwards(client);
    });
  }

  function acceptForwards(client: ClientConnection): void {
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      seen.forwards.push({ host: destIP, port: destPort });
      const target = connect({ host: destIP, port: destPort, allowHalfOpen: true, noDelay: true });
      target.once("error", () => reject());
      target.once("connect", () => {
        const channel = accept();
        channel.on("error", () => target.destroy());
        channel.on("close", () => target.destroy());
        target.on("error", () => channel.destroy());
        target.on("close", () => channel.end());
        channel.pipe(target).pipe(channel);
      });
    });
  }

  function serve(channel: ServerChannel, command: string): void {
    const { standIn } = options;
    if (standIn && command.endsWith(` ${standIn.words}`)) void answer(channel, standIn);
    else runCommand(channel, command);
  }

  async function answer(channel: ServerChannel, standIn: StandIn): Promise<void> {
    channel.on("error", () => {});
    const { code, stdout = "", stderr = "" } = standIn.answer(await text(channel));
    channel.write(stdout);
    channel.stderr.write(stderr);
    channel.exit(code);
    channel.end();
  }

  function runCommand(channel: ServerChannel, command: string): void {
    const env = { PATH: options.path ?? process.env.PATH, HOME: "/" };
    const noise = options.greeting === undefined ? "" : `echo '${options.greeting}'; `;
    const child = spawn("/bin/sh", ["-c", `${noise}${command}`], { detached: true, env });
    children.add(child);
    channel.on("error", () => {});
    child.stdin.on("error", () => {});
    channel.pipe(child.stdin);
    child.stdout.on("data", (chunk) => channel.write(chunk));
    child.stderr.on("data", (chunk) => channel.stderr.write(chunk));
    child.on("close", (code, signal) => {
      children.delete(child);
      if (signal) channel.exit(signal.replace(/^SIG/, ""));
      else channel.exit(code ?? 0);
      channel.end();
    });
  }

  function noteCommand(command: string): void {
    seen.commands.push(command);
    for (const waiter of waiters) if (command.includes(waiter.part)) waiter.resolve();
  }

  const front = createServer({ noDelay: true }, (socket) => {
    seen.connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    if (behaviour === "close-at-connect") socket.destroy();
    else if (behaviour !== "hang-before-handshake") ssh.injectSocket(socket);
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      front.once("error", reject);
      front.listen(port, "127.0.0.1", resolve);
    });
  const stopListening = () => new Promise<void>((resolve) => front.close(() => resolve()));
  const dropLinks = () => {
    for (const socket of sockets) socket.destroy();
  };

  await listen(options.port ?? 0);
  const { port } = front.address() as AddressInfo;

  return {
    port,
    seen,
    dropLinks,
    hostKey: () => keys.public,
    connection: (overrides = {}) => ({
      host: "127.0.0.1",
      port,
      password,
      hostKey: keys.public,
      ...overrides,
    }),
    async behave(wanted) {
      const wasRefusing = behaviour === "refuse";
      behaviour = wanted;
      if (wanted === "refuse" && !wasRefusing) {
        dropLinks();
        await stopListening();
      }
      if (wanted !== "refuse" && wasRefusing) await listen(port);
    },
    changeHostKey() {
      keys = generateKeys();
      ssh = createSsh();
    },
    started(part) {
      if (seen.commands.some((command) => command.includes(part))) return Promise.resolve();
      return new Promise((resolve) => waiters.push({ part, resolve }));
    },
    async close() {
      for (const child of children) if (child.pid) process.kill(-child.pid, "SIGKILL");
      dropLinks();
      if (behaviour !== "refuse") await stopListening();
    },
  };
}

export interface KeyTexts {
  private: string;
  public: string;
}

/** A fresh ed25519 pair. ssh2 writes about one private key in 300 in a form that it cannot read itself. */
export function generateKeys(passphrase?: string): KeyTexts {
  for (;;) {
    const pair: KeyTexts =
      passphrase === undefined
        ? utils.generateKeyPairSync("ed25519")
        : utils.generateKeyPairSync("ed25519", { passphrase, cipher: "aes256-ctr", rounds: 1 });
    if (!(utils.parseKey(pair.private, passphrase) instanceof Error)) return pair;
  }
}

function allows(context: AuthContext, allowed: { password?: string; publicKey?: string }): boolean {
  if (context.method === "password")
    return allowed.password !== undefined && context.password === allowed.password;
  if (context.method !== "publickey" || !allowed.publicKey) return false;
  const key = utils.parseKey(allowed.publicKey);
  if (key instanceof Error || !context.key.data.equals(key.getPublicSSH())) return false;
  return !context.signature || key.verify(context.blob!, context.signature, context.hashAlgo) === true;
}
