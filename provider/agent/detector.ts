/**
 * Suspicion by UDP heartbeats: phi accrual (Hayashibara et al., 2004) with the settings of safety.md 4. Suspicion
 * starts preparations and never permits or delays a fence.
 */
export interface Arrivals {
  sid: string;
  lastAt: number;
  /** The last gaps between two heartbeats, ms. */
  gaps: readonly number[];
}

const WINDOW = 200;
const MIN_SIGMA_MS = 25;
const ACCEPTABLE_PAUSE_MS = 75;
/** A heartbeat is late after this many intervals. */
const LATE_INTERVALS = 1.5;
const PHI_LIMIT = 8;
/** Fewer gaps than this say nothing yet; the sending interval stands in for them. */
const ENOUGH = 5;

export function arrived(before: Arrivals | undefined, sid: string, now: number): Arrivals {
  if (!before || before.sid !== sid) return { sid, lastAt: now, gaps: [] };
  return { sid, lastAt: now, gaps: [...before.gaps.slice(1 - WINDOW), now - before.lastAt] };
}

/**
 * Whether the peer is suspected at `now`. `ownLagMs`: how far this process itself lagged behind its schedule; its own
 * lag is no sign of the peer's death (Lifeguard) and is added to the pause that is accepted.
 */
export function suspected(
  arrivals: Arrivals | undefined,
  { now, intervalMs, ownLagMs }: { now: number; intervalMs: number; ownLagMs: number },
): boolean {
  if (!arrivals) return false;
  const gaps = arrivals.gaps.length >= ENOUGH ? arrivals.gaps : [intervalMs];
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  const sigma = Math.max(Math.sqrt(variance), MIN_SIGMA_MS);
  const elapsed = now - arrivals.lastAt - ACCEPTABLE_PAUSE_MS - ownLagMs;
  return phi(elapsed, mean, sigma) >= PHI_LIMIT;
}

/** When the next heartbeat of this peer is late: no suspicion yet, but its record is looked at. */
export function lateAt({ lastAt }: Arrivals, intervalMs: number): number {
  return lastAt + LATE_INTERVALS * intervalMs;
}

/** -log10 of the probability that a heartbeat is still to come, by a logistic approximation of the normal tail. */
function phi(elapsed: number, mean: number, sigma: number): number {
  const y = (elapsed - mean) / sigma;
  const e = Math.exp(-y * (1.5976 + 0.070566 * y * y));
  const tail = elapsed > mean ? e / (1 + e) : 1 - 1 / (1 + e);
  return -Math.log10(Math.max(tail, Number.MIN_VALUE));
}
