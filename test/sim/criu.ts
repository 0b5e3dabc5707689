import type { SimCopy, SimEngine } from "./engine";
import type { SimProcess } from "./process";

/** What CRIU does to a copy while it dumps it. It goes on when the agent that asked for it dies. */
export interface SimCriu {
  /** It works in the copy's cgroup. */
  isAt(container: string): boolean;
  /** Resolves when the copy is dumped and goes on, or is frozen as it was before. */
  dump(copy: SimCopy, ms: number): Promise<void>;
}

/** runc's limit, or the product's: CRIU is ended then, and does not leave alive what it was in. */
const LIMIT_MS = 20_000;
const STEPS = 8;
const LEAST_STEP_MS = 2;

/**
 * CRIU seizes the processes, for which a frozen cgroup is good; thaws the cgroup itself, as its parasite has to run in
 * them; and freezes it again where it was frozen. Where somebody else freezes it meanwhile, it is stuck (facts-hosts.md 7).
 */
export function createCriu({
  engine,
  machine,
  now,
}: {
  engine: SimEngine;
  machine: SimProcess;
  now(): number;
}): SimCriu {
  const working = new Set<string>();

  async function dump(copy: SimCopy, ms: number): Promise<void> {
    const wasFrozen = copy.frozen;
    engine.trace(copy, true);
    await pass(ms / 4);
    engine.write(copy, false);
    await parasite(copy, ms / 2);
    await pass(ms / 4);
    engine.write(copy, wasFrozen);
    engine.trace(copy, false);
  }

  async function parasite(copy: SimCopy, ms: number): Promise<void> {
    const step = Math.max(ms / STEPS, LEAST_STEP_MS);
    const deadline = now() + ms + LIMIT_MS;
    for (let left = ms; left > 0 || copy.frozen; left -= copy.frozen ? 0 : step) {
      if (isGone(copy)) throw new Error(`${copy.container} ended while it was dumped`);
      if (now() > deadline) {
        engine.end(copy, "CRIU was ended in the middle of a dump");
        throw new Error("the dump did not end in time");
      }
      await machine.wait(step);
    }
  }

  const pass = async (ms: number) => {
    if (ms > 0) await machine.wait(ms);
  };
  const isGone = (copy: SimCopy) => copy.state !== "running" || engine.copies.get(copy.container) !== copy;

  return {
    isAt: (container) => working.has(container),
    async dump(copy, ms) {
      working.add(copy.container);
      try {
        await dump(copy, ms);
        if (isGone(copy)) throw new Error(`${copy.container} ended while it was dumped`);
      } finally {
        working.delete(copy.container);
      }
    },
  };
}
