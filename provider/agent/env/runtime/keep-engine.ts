import { existsSync, rmSync } from "node:fs";
import type { Engine as EngineName } from "../../../contract";
import type { EngineLook } from "../../env";
import type { RuntimeContext } from "./context";
import { isLiving, stateOf } from "./copies";
import { ensureEngineNetwork } from "./lifecycle";
import { isBusy, recordsOf } from "./listing";
import { placesOf } from "./places";
import { type CopyRecord, deleteRecord } from "./record";

/**
 * Asks an engine whether it works, and makes good what somebody took away from under it (`prune`, `rm`): its network is
 * made again, and copies that it has lost, or that were created on the network before, are known to be useless.
 */
export async function keepEngine(context: RuntimeContext, name: EngineName): Promise<EngineLook> {
  const engine = context.engines[name];
  // Who waits for a lock that this agent holds learns nothing.
  if (isBusy(context, recordsOf(name))) return { fault: null, lost: [] };
  try {
    const isNew = await ensureEngineNetwork(context, engine);
    const idle = recordsOf(name).filter((record) => isIdle(context, record));
    const lost = idle.filter(({ home }) => !existsSync(home));
    for (const { container } of lost) deleteRecord(container);
    if (!isNew) return { fault: null, lost: names(lost) };
    for (const { container } of idle) rmSync(placesOf(container).prepared, { force: true });
    return { fault: null, lost: names(idle) };
  } catch (error) {
    return { fault: (error as Error).message, lost: [] };
  }
}

function isIdle(context: RuntimeContext, record: CopyRecord): boolean {
  return !context.jobs.of(record.container) && !isLiving(stateOf(context, record));
}

function names(records: CopyRecord[]): string[] {
  return records.map(({ container }) => container);
}
