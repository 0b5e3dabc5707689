import { existsSync } from "node:fs";
import type { Engine as EngineName } from "../../../contract";
import type { EngineLook } from "../../env";
import type { RuntimeContext } from "./context";
import { ensureEngineNetwork, idleCopies } from "./lifecycle";
import { isBusy, recordsOf } from "./listing";
import { deleteRecord, readRecord } from "./record";

/**
 * Asks an engine whether it works, and makes good what somebody took away from under it (`prune`, `rm`): its network is
 * made again, and copies that it has lost, or that were created on the network before, are known to be useless.
 */
export async function keepEngine(context: RuntimeContext, name: EngineName): Promise<EngineLook> {
  const engine = context.engines[name];
  // Who waits for a lock that this agent holds learns nothing.
  if (isBusy(context, recordsOf(name))) return { fault: null, lost: [] };
  try {
    await engine.needRestore?.();
    await ensureEngineNetwork(context, engine);
    const lost = idleCopies(context, name).filter(({ home }) => !existsSync(home));
    for (const { container } of lost) deleteRecord(container);
    const orphans = [...context.orphans].filter((container) => readRecord(container)?.engine === name);
    for (const container of orphans) context.orphans.delete(container);
    return { fault: null, lost: [...new Set([...lost.map(({ container }) => container), ...orphans])] };
  } catch (error) {
    return { fault: (error as Error).message, lost: [] };
  }
}
