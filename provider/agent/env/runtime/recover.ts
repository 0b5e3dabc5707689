import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RuntimeContext } from "./context";
import { pidOf } from "./copies";
import { unlockNetwork } from "./dump";
import { thaw } from "./freezer";
import { placesOf } from "./places";
import { containersOfThisBoot, readRecord } from "./record";

/**
 * A dump of an agent that died goes on no more: its freeze ends, unless there are other reasons, and so does CRIU's
 * lock on the container's network.
 */
export async function endInterruptedDumps(context: RuntimeContext): Promise<void> {
  for (const container of containersOfThisBoot()) {
    const record = readRecord(container);
    if (!record || !existsSync(join(placesOf(container).freeze, "dump")) || context.dumping.has(container))
      continue;
    const pid = pidOf(context, record);
    if (pid !== null) await unlockNetwork(pid);
    await thaw(container, "dump");
  }
}
