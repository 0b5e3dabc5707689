export type Release = () => void;

/** Lets at most `limit` holders in at a time; the others wait in order. */
export interface Limiter {
  acquire(): Promise<Release>;
  /** Lowers the limit for good (never below 1). */
  lowerTo(limit: number): void;
  readonly active: number;
}

export function createLimiter(limit: number): Limiter {
  let allowed = limit;
  let active = 0;
  const waiting: (() => void)[] = [];

  const admit = () => {
    while (active < allowed && waiting.length > 0) {
      active++;
      waiting.shift()!();
    }
  };
  const releaseOnce = (): Release => {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      active--;
      admit();
    };
  };

  return {
    async acquire() {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        admit();
      });
      return releaseOnce();
    },
    lowerTo(wanted) {
      allowed = Math.max(1, Math.min(allowed, wanted));
    },
    get active() {
      return active;
    },
  };
}
