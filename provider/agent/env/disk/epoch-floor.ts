import { readFile } from "node:fs/promises";
import type { GenerationRef } from "../../env";
import type { FileOps } from "./file-ops";
import { generationText, type Layout } from "./layout";
import { GenerationRefused } from "./refused";

/** The lowest epoch of which this host takes new generations of a container; only ever raised, kept over restarts. */
export interface EpochFloor {
  raise(container: string, epoch: number): Promise<void>;
  /** Throws a GenerationRefused for an older epoch. */
  check(generation: GenerationRef): Promise<void>;
}

/** The container's folder must exist. */
export function createEpochFloor(layout: Layout, ops: FileOps): EpochFloor {
  async function read(container: string): Promise<number> {
    const path = layout.floor(container);
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "0";
      throw error;
    });
    // safety: a floor that cannot be read must not count as none.
    if (!/^\d+\s*$/.test(text)) throw new Error(`${path} does not hold an epoch but ${JSON.stringify(text)}`);
    return Number(text);
  }

  return {
    raise: async (container, epoch) => {
      if (epoch <= (await read(container))) return;
      const path = layout.floor(container);
      await ops.write(`${path}.tmp`, `${epoch}\n`);
      await ops.sync(`${path}.tmp`);
      await ops.rename(`${path}.tmp`, path);
      await ops.sync(layout.container(container));
    },
    check: async (generation) => {
      const floor = await read(generation.container);
      if (generation.epoch >= floor) return;
      throw new GenerationRefused(
        "older-epoch",
        `generation ${generationText(generation)} is of an older epoch than ${floor}, which this host knows: ` +
          "its sender does not own the container any more",
      );
    },
  };
}
