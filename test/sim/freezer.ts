import { createFreezer, type Freezer } from "../../provider/agent/env/runtime/freezer";
import type { SimCriu } from "./criu";
import type { SimEngine } from "./engine";
import type { SimProcess } from "./process";

const LIMIT_MS = 10_000;

/** The product's freezer over the cgroups of a simulated host. */
export function freezerOf({
  engine,
  criu,
  process,
}: {
  engine: SimEngine;
  criu: SimCriu;
  process: SimProcess;
}): Freezer {
  const reasons = (container: string) => engine.copies.get(container)?.reasons ?? new Set<string>();
  const lives = (container: string) =>
    ["held", "running"].includes(engine.copies.get(container)?.state ?? "");
  return createFreezer({
    exists: lives,
    isLent: (container) => engine.copies.get(container)?.state === "held" || criu.isAt(container),
    reasons: (container) => [...reasons(container)],
    note: (container, reason) => void reasons(container).add(reason),
    drop: (container, reason) => void reasons(container).delete(reason),
    forget: (container) => reasons(container).clear(),
    write(container, frozen) {
      const copy = engine.copies.get(container);
      if (!copy || !lives(container)) return false;
      engine.write(copy, frozen);
      return true;
    },
    isSo: (container, frozen) => !lives(container) || engine.copies.get(container)!.frozen === frozen,
    async until(condition, what) {
      const deadline = process.clock.now() + LIMIT_MS;
      while (!condition()) {
        if (process.clock.now() > deadline) throw new Error(`not within ${LIMIT_MS / 1000} s: ${what}`);
        await process.wait(1);
      }
    },
  });
}
