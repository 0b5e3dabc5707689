import { existsSync } from "node:fs";
import { join } from "node:path";
import { runc } from "./commands/runc";
import type { RuntimeContext } from "./context";
import { pidOf } from "./copies";
import { refuseCriu, untilCriuWaits } from "./criu-gate";
import { unlockNetwork } from "./dump";
import { thaw } from "./freezer";
import { type Places, placesOf } from "./places";
import { findProcess, isAlive } from "./processes";
import { type CopyRecord, containersOfThisBoot, readRecord } from "./record";
import { until } from "./wait";

const DUMP_END_TIMEOUT_MS = 60_000;
const RESTORE_END_TIMEOUT_MS = 60_000;

/** What engines and CRIU still do for an agent that died: before anything is asked of them, since they hold locks. */
export async function endInterrupted(context: RuntimeContext): Promise<void> {
  for (const container of containersOfThisBoot()) {
    const record = readRecord(container);
    if (record && !context.jobs.of(container)) await endWaitingRestore(context, record);
  }
  await endInterruptedDumps(context);
}

/** Only the agent that is gone would have let it begin. One that has begun goes on, and is held. */
async function endWaitingRestore(context: RuntimeContext, record: CopyRecord): Promise<void> {
  const places = placesOf(record.container);
  const restoring = findProcess(context.engines[record.engine].restoreArgv(record.id));
  if (restoring === null || !existsSync(places.criuConf)) return;
  // It is stopped while its layer is laid.
  process.kill(restoring, "SIGCONT");
  const deadline = performance.now() + RESTORE_END_TIMEOUT_MS;
  const over = () => !isAlive(restoring) || existsSync(places.held) || performance.now() > deadline;
  const gate = await untilCriuWaits(places.criuConf, over);
  if (!gate) return;
  await refuseCriu(gate);
  await until(() => !isAlive(restoring), {
    what: "the restore that an earlier agent began has ended",
    timeoutMs: RESTORE_END_TIMEOUT_MS,
  });
}

/**
 * A dump of an agent that died leads to nothing: when its CRIU is done (to end it halfway would break the container's
 * connections) the freeze ends, unless there are other reasons, and so does a lock on the container's network.
 */
async function endInterruptedDumps(context: RuntimeContext): Promise<void> {
  for (const container of containersOfThisBoot()) {
    const record = readRecord(container);
    const places = placesOf(container);
    if (!record || context.dumping.has(container)) continue;
    const dumping = findProcess(runc.checkpointWords(record.id));
    if (!existsSync(join(places.freeze, "dump"))) {
      if (dumping !== null) await endWaitingDump(places, dumping);
      continue;
    }
    context.log.warn(
      `${container}: an earlier agent ended while it took a checkpoint; the container goes on`,
    );
    await until(() => dumping === null || !isAlive(dumping), {
      what: `the checkpoint of ${container} that an earlier agent began has ended`,
      timeoutMs: DUMP_END_TIMEOUT_MS,
    });
    const pid = pidOf(context, record);
    if (pid !== null) await unlockNetwork(pid);
    await thaw(container, "dump");
  }
}

/** Nothing was stopped for it yet, and the agent that would have let it begin is gone. */
async function endWaitingDump(places: Places, dumping: number): Promise<void> {
  const gate = await untilCriuWaits(places.criuConf, () => !isAlive(dumping));
  if (gate) await refuseCriu(gate);
}
