import type { Clock } from "../../../provider/agent/env";

export interface FakeClock extends Clock {
  /** Lets `ms` pass; what wakes up on the way runs at its own time. */
  advance(ms: number): Promise<void>;
  /** Lets `ms` pass while the process is stopped: nothing wakes up. */
  pause(ms: number): void;
}

export function createFakeClock(): FakeClock {
  let now = 1000;
  const sleepers = new Set<{ at: number; wake(): void }>();
  return {
    now: () => now,
    wall: () => "2026-01-01T00:00:00.000Z",
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const sleeper = {
          at: now + Math.max(0, ms),
          wake() {
            sleepers.delete(sleeper);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", sleeper.wake);
      }),
    pause: (ms) => {
      now += ms;
    },
    async advance(ms) {
      const end = now + ms;
      await settled();
      for (;;) {
        const next = [...sleepers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
        if (!next) break;
        now = Math.max(now, next.at);
        next.wake();
        await settled();
      }
      now = end;
    },
  };
}

/** Everything that can run without time passing has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
