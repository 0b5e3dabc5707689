import { setTimeout as sleep } from "node:timers/promises";
import type { GroupStatus, HostStatus } from "../contract";
import { UserError } from "../errors";

/**
 * Runs `work` when nothing else runs under `key` in this process: agents of one group are replaced one host at a time.
 */
export async function oneAtATime<T>(key: string, work: () => Promise<T>): Promise<T> {
  const before = turns.get(key) ?? Promise.resolve();
  const turn = before.then(work);
  const done = turn.then(
    () => {},
    () => {},
  );
  turns.set(key, done);
  try {
    return await turn;
  } finally {
    if (turns.get(key) === done) turns.delete(key);
  }
}

const turns = new Map<string, Promise<void>>();

/**
 * Waits until every other member is live and every container is fully protected, so that replacing the agent of `host`
 * never leaves the group without a standby. Throws where a member stays dead; a container that stays degraded for
 * other reasons holds the update up, but does not prevent it. A host that is not live itself may be replaced at any
 * time: nothing runs there.
 */
export async function waitForOthers(o: {
  host: string;
  status: () => Promise<GroupStatus>;
  log: (line: string) => void;
  signal: AbortSignal;
  patienceMs?: number;
}): Promise<void> {
  const until = Date.now() + (o.patienceMs ?? 60_000);
  let said = "";
  for (;;) {
    const status = await o.status();
    const hosts = blockingHosts(status.hosts, o.host);
    const degraded = status.containers.flatMap(({ name, degraded: why }) => (why ? [`${name}: ${why}`] : []));
    const sentence = [...hosts.map(({ name, state }) => `${name} is ${state}`), ...degraded].join(", ");
    if (sentence === "") return;
    if (Date.now() >= until) {
      if (hosts.length > 0) throw refusal(o.host, hosts);
      o.log(`warning: going on, though ${sentence}`);
      return;
    }
    if (sentence !== said) o.log(`waiting before the update: ${sentence}`);
    said = sentence;
    await sleep(POLL_MS, undefined, { signal: o.signal });
  }
}

function refusal(host: string, blocking: HostStatus[]): UserError {
  const sentence = blocking.map(({ name, state }) => `${name} is ${state}`).join(", ");
  return new UserError(
    `the agent on ${host} was not replaced, because ${sentence}: it would leave the group without another host ` +
      "to fail over to. Bring that host back, or take it out of the group, then run the same operation again.",
  );
}

/** Members whose state forbids to take `host` out for a moment. A host that was never seen holds nothing. */
export function blockingHosts(hosts: HostStatus[], host: string): HostStatus[] {
  const members = hosts.filter(({ role }) => role === "member");
  if (members.find(({ name }) => name === host)?.state !== "live") return [];
  return members.filter(({ name, state }) => name !== host && (state === "suspect" || state === "dead"));
}

const POLL_MS = 1_000;
