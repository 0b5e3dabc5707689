import type { Clock } from "../env";

/** A sleep that can be cut short; a wake that comes while nobody sleeps ends the next sleep at once. */
export interface Nap {
  until(time: number): Promise<void>;
  wake(): void;
}

/** Said once, as an abort without a reason makes an error with a stack each time. */
const WOKEN = "woken";

export function createNap(clock: Clock): Nap {
  let woken = new AbortController();
  return {
    async until(time) {
      if (!woken.signal.aborted && time > clock.now()) await clock.sleep(time - clock.now(), woken.signal);
      if (woken.signal.aborted) woken = new AbortController();
    },
    wake: () => woken.abort(WOKEN),
  };
}
