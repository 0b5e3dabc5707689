import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { RuntimeContext } from "./context";
import { pidOf } from "./copies";
import { refuseCriu, untilCriuWaits } from "./criu-gate";
import { unlockNetwork } from "./dump";
import { thaw } from "./freezer";
import { type Places, placesOf } from "./places";
import { containersOfThisBoot, readRecord } from "./record";
import { until } from "./wait";

const DUMP_END_TIMEOUT_MS = 60_000;

/**
 * A dump of an agent that died leads to nothing: when its CRIU is done (to end it halfway would break the container's
 * connections) the freeze ends, unless there are other reasons, and so does a lock on the container's network.
 */
export async function endInterruptedDumps(context: RuntimeContext): Promise<void> {
  for (const container of containersOfThisBoot()) {
    const record = readRecord(container);
    const places = placesOf(container);
    if (!record || context.dumping.has(container)) continue;
    if (!existsSync(join(places.freeze, "dump"))) {
      await endWaitingDump(places, record.id);
      continue;
    }
    context.log.warn(
      `${container}: an earlier agent ended while it took a checkpoint; the container goes on`,
    );
    await until(() => !dumps(places, record.id), {
      what: `the checkpoint of ${container} that an earlier agent began has ended`,
      timeoutMs: DUMP_END_TIMEOUT_MS,
    });
    rmSync(places.dumpPid, { force: true });
    const pid = pidOf(context, record);
    if (pid !== null) await unlockNetwork(pid);
    await thaw(container, "dump");
  }
}

/** Nothing was stopped for it yet, and the agent that would have let it begin is gone. */
async function endWaitingDump(places: Places, id: string): Promise<void> {
  if (!dumps(places, id)) return;
  const gate = await untilCriuWaits(places.criuConf, () => !dumps(places, id));
  if (gate) await refuseCriu(gate);
  rmSync(places.dumpPid, { force: true });
}

function dumps({ dumpPid }: Places, id: string): boolean {
  try {
    return readFileSync(`/proc/${readFileSync(dumpPid, "utf8")}/cmdline`, "utf8").includes(id);
  } catch {
    return false;
  }
}
