/**
 * How fast a peer's monotonic clock runs against the own one, from the times that its heartbeats carry. W holds only
 * while two clocks' rates differ by less than `clockDrift` (safety.md 1.2).
 */
export interface ClockSamples {
  sid: string;
  /** Whether the oldest span is the one that was under way when the first heartbeat came. */
  begun: boolean;
  /** Of each span of time the heartbeat that was under way the shortest, oldest first. */
  spans: readonly { index: number; at: number; offset: number }[];
}

/** Within a span the shortest way counts, so that a delay of the network or a pause of this process hides nothing. */
const SPAN_MS = 5_000;
const SPANS = 5;
/** Over less than this a delay that stays would look like a rate. */
const LEAST_MS = 10_000;

/** Takes in a heartbeat that was sent at `sentAt` by the peer's clock and came at `now` by the own one. */
export function sampled(
  before: ClockSamples | undefined,
  { sid, sentAt }: { sid: string; sentAt: number },
  now: number,
): ClockSamples {
  const sample = { index: Math.floor(now / SPAN_MS), at: now, offset: now - sentAt };
  if (before?.sid !== sid) return { sid, begun: true, spans: [sample] };
  const last = before.spans.at(-1)!;
  if (last.index === sample.index)
    return last.offset <= sample.offset
      ? before
      : { ...before, spans: [...before.spans.slice(0, -1), sample] };
  // The first span may be too short to have seen a short way, and this process was busy with its start.
  const whole = before.begun ? [] : before.spans;
  return { sid, begun: false, spans: [...whole, sample].slice(-SPANS) };
}

/** The peer's clock rate against the own one, minus 1; null: not measured for long enough. */
export function clockRateDifference({ spans }: ClockSamples): number | null {
  const first = spans[0];
  // The last span may be too short yet to have seen a short way.
  const last = spans.at(-2);
  if (!first || !last || last.at - first.at < LEAST_MS) return null;
  return (first.offset - last.offset) / (last.at - first.at);
}

/** Whether the difference is more than half of what W allows for: half, as it may be slewed the other way next. */
export function isClockAlarm(samples: ClockSamples, clockDrift: number): boolean {
  const difference = clockRateDifference(samples);
  return difference !== null && Math.abs(difference) > clockDrift / 2;
}
