import { fenceAfterMs, type Timing } from "../contract";
import type { GroupView } from "./view";

/**
 * What an observer knows of a peer's heartbeat key, on its own monotonic clock (safety.md 1.2). `seenAt` is the time
 * of receipt of the first good read that showed the revision: the commit precedes it, so counting from it is safe.
 */
export interface Observation {
  /** 0: it has not written its key yet. */
  rev: number;
  /** A new session is counted anew: the key may still be its predecessor's. */
  sessionRev: number;
  /** When this session was read first. */
  sessionSeenAt: number;
  seenAt: number;
  /** When this revision was read first, whatever gaps there were since: says when to look closer, never when to fence. */
  stillSince: number;
  /** L that the owner announced with that heartbeat. */
  leaseMs: number;
}

export interface Observations {
  hosts: ReadonlyMap<string, Observation>;
  lastGoodRead: number | null;
  /** Tombstones by `host/sid`: when this observer first read them. */
  fences: ReadonlyMap<string, number>;
  /** Containers that their owner gave up: the owner record's revision, and when this observer first read it. */
  stopped: ReadonlyMap<string, { rev: number; seenAt: number }>;
}

/** A renewal may be late by one interval before its reader looks closer. */
const OVERDUE_INTERVALS = 2;
/** After so many times W the host is gone for long, and nobody waits for it. */
const OVERDUE_LIMIT = 10;

export const noObservations: Observations = {
  hosts: new Map(),
  lastGoodRead: null,
  fences: new Map(),
  stopped: new Map(),
};

/**
 * Takes in a read that was received at `now`. After a gap of more than W/2 between two good reads every count starts
 * anew: a first read after an outage may still show an old revision of a healthy owner (safety.md 1.2, invariant I9).
 */
export function observe(before: Observations, view: GroupView, timing: Timing, now: number): Observations {
  const gap = before.lastGoodRead === null ? Number.POSITIVE_INFINITY : now - before.lastGoodRead;
  const restart = gap > timing.fenceMs / 2;
  const hosts = new Map<string, Observation>();
  const fences = new Map<string, number>();
  for (const [name, host] of view.hosts) {
    for (const sid of host.fences.keys()) {
      fences.set(`${name}/${sid}`, before.fences.get(`${name}/${sid}`) ?? now);
    }
    if (!host.session) continue;
    const rev = host.heartbeat?.rev ?? 0;
    const leaseMs = host.heartbeat?.value.leaseMs ?? timing.leaseMs;
    const sessionRev = host.session.rev;
    const known = before.hosts.get(name);
    const sessionSeenAt = known?.sessionRev === sessionRev ? known.sessionSeenAt : now;
    const same = known?.rev === rev && known.sessionRev === sessionRev;
    if (same) hosts.set(name, restart ? { ...known, seenAt: now } : known);
    else hosts.set(name, { rev, sessionRev, sessionSeenAt, seenAt: now, stillSince: now, leaseMs });
  }
  return { hosts, lastGoodRead: now, fences, stopped: observeStopped(before, view, now) };
}

function observeStopped(before: Observations, view: GroupView, now: number): Observations["stopped"] {
  const stopped = new Map<string, { rev: number; seenAt: number }>();
  for (const [name, { owner }] of view.containers) {
    if (owner?.value.phase !== "STOPPED") continue;
    const known = before.stopped.get(name);
    stopped.set(name, known?.rev === owner.rev ? known : { rev: owner.rev, seenAt: now });
  }
  return stopped;
}

/** How long the peer's key has not changed, ms; null: never seen. */
export function heartbeatAge(observations: Observations, host: string, now: number): number | null {
  const seen = observations.hosts.get(host);
  return seen ? now - seen.seenAt : null;
}

/**
 * Whether the peer's key is overdue, and not since long ago. Reads that are slower than usual start every count anew,
 * so that they must be closer together where a count could matter (safety.md 1.2).
 */
export function isOverdue(observations: Observations, host: string, timing: Timing, now: number): boolean {
  const seen = observations.hosts.get(host);
  if (seen === undefined) return false;
  const stillMs = now - seen.stillSince;
  return stillMs > OVERDUE_INTERVALS * timing.intervalMs && stillMs < OVERDUE_LIMIT * timing.fenceMs;
}

/** Whether W has passed, W by the L that the owner announced, never by the own setting alone. */
export function mayFence(observations: Observations, host: string, timing: Timing, now: number): boolean {
  const seen = observations.hosts.get(host);
  return seen !== undefined && now - seen.seenAt >= fenceAfterMs(timing, seen.leaseMs);
}

/** Ms until W of a peer has passed if its key stays as it is; infinite: of none that is still counted. */
export function untilFence({ hosts }: Observations, timing: Timing, now: number): number {
  const left = [...hosts.values()].map((seen) => seen.seenAt + fenceAfterMs(timing, seen.leaseMs) - now);
  return Math.min(...left.filter((ms) => ms > 0), Number.POSITIVE_INFINITY);
}

/** Renews its key, as far as this observer can know: what placement counts on. */
export function isLive(
  view: GroupView,
  observations: Observations,
  host: string,
  timing: Timing,
  now: number,
): boolean {
  const seen = view.hosts.get(host);
  if (!seen?.session || seen.fences.has(seen.session.value.sid)) return false;
  if (seen.heartbeat?.value.sid !== seen.session.value.sid) return false;
  return !mayFence(observations, host, timing, now);
}
