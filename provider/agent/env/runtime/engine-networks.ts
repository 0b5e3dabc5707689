import { statSync } from "node:fs";
import { engineNetwork } from "../../../contract";
import type { HostCare } from "../../env";
import type { RuntimeContext } from "./context";
import type { Engine } from "./engine";
import { ensureEngineNetwork } from "./lifecycle";
import { isBusy, recordsOf } from "./listing";

/** An engine is asked for its network at least this often, in case its own files do not lie where they are looked for. */
const ASK_AGAIN_MS = 60_000;

/**
 * Returns a function that makes the engines' network again where somebody removed it. To ask an engine costs a hundred
 * times what the rest costs: it is asked when its networks were changed.
 */
export function keepEngineNetworks(context: RuntimeContext): () => Promise<HostCare> {
  const asked = new Map<string, { stamp: number; at: number; fault: string | null }>();
  /** Whether it had to be made. */
  async function ensure(engine: Engine): Promise<boolean> {
    const note = (fault: string | null) => {
      asked.set(engine.name, { stamp: changedAt(engine.networkStore), at: performance.now(), fault });
    };
    try {
      const made = await ensureEngineNetwork(context, engine);
      note(null);
      return made;
    } catch (error) {
      note(
        `${engine.name}'s network ${engineNetwork} could not be made sure of: ${(error as Error).message}`,
      );
      return false;
    }
  }

  return async () => {
    const mended: string[] = [];
    for (const engine of Object.values(context.engines)) {
      const last = asked.get(engine.name);
      const isDue =
        last?.stamp !== changedAt(engine.networkStore) || performance.now() - last.at > ASK_AGAIN_MS;
      if (isDue && mayAsk(context, engine) && (await ensure(engine)))
        mended.push(`somebody removed ${engine.name}'s network ${engineNetwork}: made again`);
    }
    return { mended, broken: [...asked.values()].flatMap(({ fault }) => fault ?? []) };
  };
}

/** It has copies of ours, and none that it is busy with: its commands would wait for that. */
function mayAsk(context: RuntimeContext, { name }: Engine): boolean {
  const copies = recordsOf(name);
  return copies.length > 0 && !isBusy(context, copies);
}

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
