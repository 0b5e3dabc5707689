import { createHash } from "node:crypto";
import { HostUnreachable } from "../errors";
import { type ConnectOptions, connect } from "./connect";
import type { Connection } from "./connection-args";
import type { Link } from "./link";

/** A share in the one connection to a host. */
export interface PooledHost {
  /** The live link; connects, or connects again where the last one broke. */
  link(): Promise<Link>;
  /** Gives the share back; the last one lets the connection end after a short idle time. */
  release(): void;
}

/**
 * A share in the connection of this process to this host, user and credentials. Handlers run in parallel, sshd takes
 * few connections at a time, so all of them use one. Connects at the first `link()`.
 */
export function acquire(
  connection: Connection,
  options: Pick<ConnectOptions, "deadlineMs"> = {},
): PooledHost {
  const key = poolKey(connection);
  const entry = entries.get(key) ?? createEntry(connection, key);
  entries.set(key, entry);
  clearTimeout(entry.idleTimer);
  entry.shares++;
  let held = true;
  return {
    link: () => entry.link(options.deadlineMs),
    release() {
      if (!held) return;
      held = false;
      if (--entry.shares === 0) entry.idleTimer = setTimeout(() => discard(entry), IDLE_MS);
    },
  };
}

/** Closes every connection at once. */
export async function closeAll(): Promise<void> {
  await Promise.all([...entries.values()].map(discard));
}

/**
 * A host that has just let all attempts pass is asked once by whoever comes next: one `up` does not wait for the same
 * dead host again and again.
 */
const SILENCE_MEMORY_MS = 60_000;
/** When hosts let all attempts pass, by their key in the pool. */
const silentSince = new Map<string, number>();

/** Short, because an open connection keeps the process alive. */
const IDLE_MS = 3_000;

interface Entry {
  key: string;
  shares: number;
  idleTimer?: NodeJS.Timeout;
  current?: Promise<Link>;
  link(deadlineMs?: number): Promise<Link>;
}

const entries = new Map<string, Entry>();

function createEntry(connection: Connection, key: string): Entry {
  const entry: Entry = {
    key,
    shares: 0,
    link(deadlineMs) {
      entry.current ??= open({ connection, key, deadlineMs }, () => {
        entry.current = undefined;
      });
      return entry.current;
    },
  };
  return entry;
}

async function open(
  { connection, key, deadlineMs }: { connection: Connection; key: string; deadlineMs?: number },
  onGone: () => void,
): Promise<Link> {
  const proxy = connection.proxy && acquire(connection.proxy, { deadlineMs });
  const gone = () => {
    onGone();
    proxy?.release();
  };
  const isSilent = Date.now() - (silentSince.get(key) ?? Number.NEGATIVE_INFINITY) < SILENCE_MEMORY_MS;
  try {
    const link = await connect(isSilent ? { ...connection, dialErrorLimit: 1 } : connection, {
      deadlineMs,
      via: proxy && (() => proxy.link()),
    });
    silentSince.delete(key);
    void link.closed.then(gone);
    return link;
  } catch (error) {
    if (error instanceof HostUnreachable && error.retryable && !isSilent) silentSince.set(key, Date.now());
    gone();
    throw error;
  }
}

async function discard(entry: Entry): Promise<void> {
  clearTimeout(entry.idleTimer);
  if (entries.get(entry.key) === entry) entries.delete(entry.key);
  const link = await entry.current?.catch(() => undefined);
  link?.close();
  await link?.closed;
}

function poolKey(connection: Connection): string {
  const { sudo: _sudo, dialErrorLimit: _limit, perDialTimeout: _timeout, proxy, ...identity } = connection;
  const text = JSON.stringify([Object.entries(identity).sort(), proxy && poolKey(proxy)]);
  return createHash("sha256").update(text).digest("hex");
}
