import { HostUnreachable } from "./errors";
import type { ConnectionArgs } from "./ssh/connection-args";
import { type HostSession, withHost } from "./ssh/session";

/** Several hosts at once, by name. */
export interface Fleet {
  hosts: ReadonlyMap<string, HostSession>;
  /** Hosts that did not answer, with why. Any other failure (credentials, host key) ends the whole work. */
  unreachable: ReadonlyMap<string, HostUnreachable>;
}

/** Connects to all hosts at the same time and works with those that answer. `deadlineMs`: time to get connected. */
export async function withFleet<T>(
  connections: Readonly<Record<string, ConnectionArgs>>,
  work: (fleet: Fleet) => Promise<T>,
  options: { deadlineMs: number },
): Promise<T> {
  const hosts = new Map<string, HostSession>();
  const unreachable = new Map<string, HostUnreachable>();
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const held: Promise<void>[] = [];
  const open = (connection: ConnectionArgs) =>
    new Promise<HostSession>((resolve, reject) => {
      const hold = (host: HostSession) => {
        resolve(host);
        return finished;
      };
      held.push(withHost(connection, hold, options).catch(reject));
    });
  const opened = Object.entries(connections).map(async ([name, connection]) => {
    try {
      hosts.set(name, await open(connection));
    } catch (error) {
      if (!(error instanceof HostUnreachable)) throw error;
      unreachable.set(name, error);
    }
  });
  try {
    await Promise.all(opened);
    return await work({ hosts: inOrder(connections, hosts), unreachable });
  } finally {
    finish();
    await Promise.allSettled([...opened, ...held]);
  }
}

/** Runs `work` on every host at the same time; the failures of all of them end up in one error. */
export async function onAll<T>(
  hosts: ReadonlyMap<string, HostSession>,
  work: (host: HostSession, name: string) => Promise<T>,
): Promise<Map<string, T>> {
  const names = [...hosts.keys()];
  const results = await Promise.allSettled(names.map((name) => work(hosts.get(name)!, name)));
  const failures = results.filter((result) => result.status === "rejected").map((result) => result.reason);
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} hosts failed`);
  return new Map(names.map((name, index) => [name, (results[index] as PromiseFulfilledResult<T>).value]));
}

function inOrder(names: object, hosts: ReadonlyMap<string, HostSession>): Map<string, HostSession> {
  return new Map(Object.keys(names).flatMap((name) => (hosts.has(name) ? [[name, hosts.get(name)!]] : [])));
}
