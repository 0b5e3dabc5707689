import type { Clock } from "../env";

/** The host's own clock: CLOCK_MONOTONIC for decisions, wall time only for people. */
export function createClock(): Clock {
  return {
    now: () => Number(process.hrtime.bigint()) / 1e6,
    wall: () => new Date().toISOString(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const done = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, Math.max(0, ms));
        signal?.addEventListener("abort", done);
      }),
  };
}
