import { setTimeout as sleep } from "node:timers/promises";
import { HostUnreachable } from "../errors";
import { type Connection, connectionName } from "./connection-args";
import { type Credentials, credentialsFor } from "./credentials";
import { DialFailed, dial } from "./dial";
import { createLimiter, type Limiter } from "./limiter";
import type { Link } from "./link";

export interface ConnectOptions {
  /** Milliseconds for all attempts together. @default 120000 */
  deadlineMs?: number;
  /** Gives the link to the proxy, at each attempt anew. */
  via?: () => Promise<Link>;
}

/**
 * Connects with retries, backoff and jitter. Only what may pass by itself is tried again: a wrong host key or wrong
 * credentials end it at once (and would only get us locked out).
 */
export async function connect(connection: Connection, options: ConnectOptions = {}): Promise<Link> {
  const credentials = credentialsFor(connection);
  const started = Date.now();
  const deadline = started + (options.deadlineMs ?? DEFAULT_DEADLINE_MS);
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOnce({ connection, credentials, via: options.via, deadline });
    } catch (error) {
      if (!(error instanceof DialFailed)) throw error;
      const pause = backoffMs(attempt);
      const spent = connection.dialErrorLimit !== -1 && attempt >= connection.dialErrorLimit;
      if (!error.transient || spent || Date.now() + pause >= deadline) {
        throw unreachable({ connection, attempts: attempt, elapsedMs: Date.now() - started, error });
      }
      await sleep(pause);
    }
  }
}

const DEFAULT_DEADLINE_MS = 120_000;

async function attemptOnce(o: {
  connection: Connection;
  credentials: Credentials;
  via?: () => Promise<Link>;
  deadline: number;
}): Promise<Link> {
  const { connection, credentials, deadline } = o;
  const via = await o.via?.();
  const release = await handshakesOf(connection).acquire();
  try {
    const left = Math.max(1, deadline - Date.now());
    const timeoutMs =
      connection.perDialTimeout === 0 ? left : Math.min(left, connection.perDialTimeout * 1000);
    return await dial({ connection, credentials, via, timeoutMs });
  } finally {
    release();
  }
}

/** sshd drops unauthenticated connections beyond MaxStartups (10); other programs connect too. */
const MAX_HANDSHAKES = 4;
const handshakes = new Map<string, Limiter>();

function handshakesOf({ host, port }: Connection): Limiter {
  const address = `${host} ${port}`;
  const limiter = handshakes.get(address) ?? createLimiter(MAX_HANDSHAKES);
  handshakes.set(address, limiter);
  return limiter;
}

function backoffMs(attempt: number): number {
  return Math.min(10_000, 200 * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
}

function unreachable(o: {
  connection: Connection;
  attempts: number;
  elapsedMs: number;
  error: DialFailed;
}): HostUnreachable {
  const { connection, attempts, error } = o;
  const name = connectionName(connection);
  const through = connection.proxy ? ` through ${connectionName(connection.proxy)}` : "";
  const tries = `${attempts} attempt${attempts === 1 ? "" : "s"} in ${(o.elapsedMs / 1000).toFixed(1)} s`;
  const message =
    `cannot reach ${name}${through}: ${tries}, last cause: ${error.message}. ` +
    "Check that the host is up, that sshd listens at this address and port, and that no firewall is between.";
  return new HostUnreachable({
    host: name,
    attempts,
    message,
    retryable: error.transient,
    cause: error.cause ?? error,
  });
}
