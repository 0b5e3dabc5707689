import { createConnection } from "node:net";
import type { Duplex } from "node:stream";
import { Client, type ClientChannel, type ServerHostKeyAlgorithm } from "ssh2";
import { AuthenticationFailed, HostKeyMismatch } from "../errors";
import { type Connection, connectionName } from "./connection-args";
import type { Credentials } from "./credentials";
import { describeKey, hostKeyAlgorithms, parseHostKeys, type SeenKey } from "./host-key";
import { createLink, type Link } from "./link";

export interface DialArgs {
  connection: Connection;
  credentials: Credentials;
  /** The link to the proxy, where there is one. */
  via?: Link;
  timeoutMs: number;
}

/** A dial that failed for a reason that may pass: nobody listens (yet), no route, a link that breaks, no answer. */
export class DialFailed extends Error {
  constructor(
    message: string,
    readonly transient: boolean,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * One attempt: transport, host key, credentials. Ends within `timeoutMs`.
 * Throws DialFailed, HostKeyMismatch or AuthenticationFailed; nothing is left open then.
 */
export async function dial(args: DialArgs): Promise<Link> {
  const attempt: { undo: (() => void)[] } = { undo: [] };
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const message = `no answer within ${args.timeoutMs / 1000} s`;
    timer = setTimeout(() => reject(new DialFailed(message, true)), args.timeoutMs);
  });
  try {
    return await Promise.race([establish(args, attempt.undo), timeout]);
  } catch (error) {
    for (const undo of attempt.undo) undo();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function establish(args: DialArgs, undo: (() => void)[]): Promise<Link> {
  const transport = args.via
    ? await throughProxy(args.via, args.connection)
    : await overTcp(args.connection, undo);
  undo.push(() => transport.destroy());
  return handshake({ ...args, transport });
}

async function overTcp({ host, port }: Connection, undo: (() => void)[]): Promise<Duplex> {
  const socket = createConnection({ host, port, noDelay: true, keepAlive: true });
  undo.push(() => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error) => reject(transportError(error)));
  });
  return socket;
}

function throughProxy(proxy: Link, { host, port }: Connection): Promise<Duplex> {
  return new Promise<ClientChannel>((resolve, reject) => {
    const refuse = (error: Error & { reason?: unknown }) => {
      const prohibited = error.reason === CHANNEL_PROHIBITED;
      const hint = prohibited ? " (the proxy's sshd forbids forwarding: AllowTcpForwarding, PermitOpen)" : "";
      reject(
        new DialFailed(`the proxy could not connect: ${error.message}${hint}`, !prohibited, { cause: error }),
      );
    };
    try {
      proxy.client.forwardOut("127.0.0.1", 0, host, port, (error, channel) =>
        error ? refuse(error) : resolve(channel),
      );
    } catch (error) {
      refuse(error as Error);
    }
  });
}

function handshake(o: DialArgs & { transport: Duplex }): Promise<Link> {
  const { connection, credentials, transport } = o;
  const name = connectionName(connection);
  const pins = connection.insecure ? [] : parseHostKeys(connection.hostKey ?? "", connection);
  const client = new Client();
  let seen: SeenKey | undefined;
  let refused: HostKeyMismatch | undefined;
  let keysExchanged = false;

  return new Promise<Link>((resolve, reject) => {
    client.on("handshake", () => {
      keysExchanged = true;
    });
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, answer) => {
      answer(prompts.map(() => credentials.password ?? ""));
    });
    client.on("ready", () => {
      const close = () => {
        client.end();
        setTimeout(() => transport.destroy(), FAREWELL_MS).unref();
      };
      resolve(createLink({ client, hostKey: seen!, close }));
    });
    client.on("close", () => reject(new DialFailed("the connection was closed during the handshake", true)));
    client.on("error", (error) => {
      if (error.level === "agent") return; // the next method is tried; the end of all of them is an error of its own
      if (refused) return reject(refused);
      if (
        error.level === "client-authentication" ||
        (keysExchanged && /authentication/i.test(error.message))
      ) {
        return reject(
          new AuthenticationFailed({
            host: name,
            user: connection.user,
            tried: credentials.kinds,
            cause: error,
          }),
        );
      }
      reject(transportError(error));
    });
    client.connect({
      sock: transport,
      username: connection.user,
      password: credentials.password,
      privateKey: credentials.privateKey,
      passphrase: credentials.passphrase,
      agent: credentials.agent,
      tryKeyboard: credentials.password !== undefined,
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: 3,
      algorithms: { serverHostKey: hostKeyAlgorithms(pins, HOST_KEY_ALGORITHMS) as ServerHostKeyAlgorithm[] },
      hostVerifier: (blob: Buffer) => {
        seen = describeKey(blob);
        // safety: without a matching pin nothing is sent, unless the user wrote `insecure: true`.
        if (connection.insecure || pins.some((pin) => pin.fingerprint === seen?.fingerprint)) return true;
        const expected = pins.map((pin) => pin.fingerprint);
        refused = new HostKeyMismatch({ host: name, expected, seen: seen.fingerprint, seenType: seen.type });
        return false;
      },
    });
  });
}

const KEEPALIVE_MS = 10_000;
/** How long a closed connection may take to say goodbye. */
const FAREWELL_MS = 500;
/** RFC 4254, 5.1: SSH_OPEN_ADMINISTRATIVELY_PROHIBITED. */
const CHANNEL_PROHIBITED = 1;
const HOST_KEY_ALGORITHMS = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];
const TRANSIENT_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "EPIPE",
  "EAI_AGAIN",
]);

function transportError(error: Error & { code?: unknown }): DialFailed {
  const transient =
    TRANSIENT_CODES.has(String(error.code)) || /Connection lost before handshake/.test(error.message);
  return new DialFailed(error.message, transient, { cause: error });
}
