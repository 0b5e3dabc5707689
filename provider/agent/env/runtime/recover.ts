import { existsSync } from "node:fs";
import { join } from "node:path";
import { signalProcess } from "../signal";
import { runc } from "./commands/runc";
import type { RuntimeContext } from "./context";
import { pidOf } from "./copies";
import { refuseCriu, untilCriuWaits } from "./criu-gate";
import { unlockNetwork } from "./dump";
import { type Places, placesOf } from "./places";
import { findProcess, isRunning, listProcesses, type Process } from "./processes";
import { type CopyRecord, containersOfThisBoot, readRecord } from "./record";
import { until } from "./wait";

const DUMP_END_TIMEOUT_MS = 60_000;
const RESTORE_END_TIMEOUT_MS = 60_000;

/** What engines and CRIU still do for an agent that died: before anything is asked of them, since they hold locks. */
export async function endInterrupted(context: RuntimeContext): Promise<void> {
  const processes = listProcesses();
  for (const container of containersOfThisBoot()) {
    const record = readRecord(container);
    if (record && !context.jobs.of(container)) await endWaitingRestore(context, record, processes);
  }
  await endInterruptedDumps(context, processes);
}

/** Only the agent that is gone would have let it begin. One that has begun goes on, and is held. */
async function endWaitingRestore(
  context: RuntimeContext,
  record: CopyRecord,
  processes: Process[],
): Promise<void> {
  const places = placesOf(record.container);
  const restoring = findProcess(processes, context.engines[record.engine].restoreArgv(record.id));
  if (!restoring || !isRunning(restoring) || !existsSync(places.criuConf)) return;
  // It is stopped while its layer is laid.
  signalProcess(restoring.pid, "SIGCONT");
  const deadline = performance.now() + RESTORE_END_TIMEOUT_MS;
  const over = () => !isRunning(restoring) || existsSync(places.held) || performance.now() > deadline;
  const gate = await untilCriuWaits(places.criuConf, over);
  if (!gate) return;
  await refuseCriu(gate);
  await until(() => !isRunning(restoring), {
    what: "the restore that an earlier agent began has ended",
    timeoutMs: RESTORE_END_TIMEOUT_MS,
  });
}

/**
 * A dump of an agent that died leads to nothing: when its CRIU is done (to end it halfway would break the container's
 * connections) the freeze ends, unless there are other reasons, and so does a lock on the container's network.
 */
async function endInterruptedDumps(context: RuntimeContext, processes: Process[]): Promise<void> {
  for (const container of containersOfThisBoot()) {
    const record = readRecord(container);
    const places = placesOf(container);
    if (!record || context.dumping.has(container)) continue;
    const dumping = findProcess(processes, runc.checkpointWords(record.id));
    if (!existsSync(join(places.freeze, "dump"))) {
      if (dumping) await endWaitingDump(places, dumping);
      continue;
    }
    context.log.warn(
      `${container}: an earlier agent ended while it took a checkpoint; the container goes on`,
    );
    if (dumping)
      await until(() => !isRunning(dumping), {
        what: `the checkpoint of ${container} that an earlier agent began has ended`,
        timeoutMs: DUMP_END_TIMEOUT_MS,
      });
    const pid = pidOf(context, record);
    if (pid !== null) await unlockNetwork(pid);
    await context.freezer.thaw(container, "dump");
  }
}

/** Nothing was stopped for it yet, and the agent that would have let it begin is gone. */
async function endWaitingDump(places: Places, dumping: Process): Promise<void> {
  const gate = await untilCriuWaits(places.criuConf, () => !isRunning(dumping));
  if (gate) await refuseCriu(gate);
}
