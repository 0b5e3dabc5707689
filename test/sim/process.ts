import type { Clock } from "../../provider/agent/env";
import type { Cancel, Scheduler } from "./scheduler";

/**
 * Something that runs on a host and can die or be stopped: nothing that it waits for arrives after its death, and
 * what arrives while it is stopped waits until it goes on.
 */
export interface SimProcess {
  readonly alive: boolean;
  readonly paused: boolean;
  clock: Clock;
  /** `ms` by the host's own clock. */
  after(ms: number, action: () => void): Cancel;
  /** Resolves after `ms` by the host's own clock; never, when the process dies before. */
  wait(ms: number): Promise<void>;
  /** Something arrives from outside. */
  deliver(action: () => void): void;
  kill(): void;
  pause(): void;
  resume(): void;
}

const EPOCH = Date.parse("2026-01-01T00:00:00Z");

/** `rate`: how fast the host's clock runs against true time; `skewMs`: how far its wall clock was set forward. */
export function createProcess(scheduler: Scheduler, rate: number, skewMs = () => 0): SimProcess {
  let alive = true;
  let paused = false;
  let waiting: (() => void)[] = [];

  const deliver = (action: () => void) => {
    if (!alive) return;
    if (paused) waiting.push(action);
    else action();
  };
  const after = (ms: number, action: () => void): Cancel => {
    let cancelled = false;
    const cancel = scheduler.after(ms / rate, () => deliver(() => !cancelled && action()));
    return () => {
      cancelled = true;
      cancel();
    };
  };
  const clock: Clock = {
    now: () => scheduler.now() * rate,
    wall: () => new Date(EPOCH + scheduler.now() + skewMs()).toISOString(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const done = () => {
          cancel();
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const cancel = after(Math.max(0, ms), done);
        signal?.addEventListener("abort", done);
      }),
  };
  return {
    get alive() {
      return alive;
    },
    get paused() {
      return paused;
    },
    clock,
    after,
    wait: (ms) => new Promise((resolve) => after(ms, resolve)),
    deliver,
    kill() {
      alive = false;
      waiting = [];
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      const late = waiting;
      waiting = [];
      for (const action of late) scheduler.after(0, () => deliver(action));
    },
  };
}
