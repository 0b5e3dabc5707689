import { constants, mkdirSync, readdirSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { specDigest } from "../../../contract";
import type { Runtime } from "../../env";
import { signalProcess } from "../signal";
import { cgroupOf, readEvents } from "./cgroup";
import { acceptMac } from "./commands/ip";
import { tar } from "./commands/tar";
import type { RuntimeContext } from "./context";
import { forgetExit, needRecord } from "./copies";
import { criuConfig, holdScript } from "./criu-config";
import { makeCriuGate, passCriu, untilCriuWaits } from "./criu-gate";
import { criuLimitMs } from "./criu-limit";
import { criuReason, criuSentence } from "./criu-log";
import type { Engine } from "./engine";
import { run, tryRun } from "./exec";
import { heldPid, isHeld, isTraced } from "./held";
import type { Job } from "./jobs";
import { endProcesses } from "./lifecycle";
import { generationPlaces, type Places, placesOf } from "./places";
import { findProcess, isRunning, listProcesses } from "./processes";
import { readIfThere } from "./read-if-there";
import type { CopyRecord } from "./record";
import { until } from "./wait";
import { wire } from "./wiring";

/** From its release until it executes: some milliseconds, or it never will. */
const RELEASE_LIMIT_MS = 1_000;
/** What an engine still has to do behind a release. */
const ENGINE_LIMIT_MS = 10_000;
/** Of the engine's own command that takes down what has ended. */
const HEAD_START_MS = 30;

/**
 * Every restore is held for a moment, so that the copy has its MAC and its neighbours before its first instruction.
 */
export async function restore(
  context: RuntimeContext,
  request: Parameters<Runtime["restore"]>[0],
): Promise<void> {
  // It may reject before it is waited for.
  request.ready?.catch(() => {});
  const container = request.spec.name;
  const record = needRecord(container);
  // From the call on: one that comes while an earlier command ends is meant for this restore, too.
  const kills = context.jobs.kills(container);
  await context.jobs.of(container)?.over;
  const cgroup = cgroupOf(record.engine, record.id);
  if (cgroup && readEvents(cgroup)?.populated) {
    throw new Error(`${container} cannot be restored on ${context.host}: an earlier copy still runs here`);
  }
  const places = placesOf(container);
  const { images, layer } = generationPlaces(request.folder);
  const engine = context.engines[record.engine];
  if (request.again && record.specDigest !== specDigest(request.spec))
    throw new Error(`the copy of ${container} that ended on ${context.host} is of another specification`);
  const overlaps = request.again && engine.isMounted?.(record);
  const onTakenDown = () => acceptFrames(context, request.mac);
  if (request.again && !overlaps) {
    await engine.makeRestorable(record);
    onTakenDown();
  }
  clearTraces(places);
  context.freezer.forget(container);
  forgetExit(context, record.id);
  await Promise.all([
    overlaps ? null : layLayer(record, layer),
    makeCriuGate(places.criuConf, places.gatePipe),
  ]);
  writeFileSync(places.holdScript, holdScript(places), { mode: 0o700 });
  const { work, holdScript: script } = places;
  const config = criuConfig({ kind: "restore", images, work, holdScript: script, tcp: request.tcp });
  if (context.jobs.kills(container) !== kills)
    throw new Error(`${container} was killed before it was restored`);

  // Where it comes to its lock before the podman that takes down what ended, it fails, and nothing is won.
  if (overlaps) await sleep(HEAD_START_MS);
  const giveBack = context.freezer.lend(container);
  const job = context.jobs.begin(container, (onStart) =>
    engine.restore(record, images, onStart).finally(giveBack),
  );
  let over = false;
  void job.over.then(() => {
    over = true;
  });
  const signal = (name: "SIGSTOP" | "SIGCONT") => {
    if (job.pid && !over) signalProcess(job.pid, name);
  };
  const laid = overlaps ? layBetween(engine, { record, layer, signal, onTakenDown }) : undefined;
  laid?.catch(() => {});
  try {
    await Promise.race([Promise.all([request.ready, laid]), job.over]);
  } catch (error) {
    // safety: CRIU has no configuration yet, so it has read nothing.
    job.killed = true;
    await endProcesses(context, container);
    throw error;
  }
  const limitMs = criuLimitMs(sizeOf(images));
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    endProcesses(context, container).catch((error: Error) => context.log.warn(error.message));
  }, limitMs);
  void job.over.then(() => clearTimeout(late));
  const gate = await untilCriuWaits(places.criuConf, () => over);
  if (gate) await passCriu(gate, config);
  const pid = await heldOrOver(places, job, container);
  clearTimeout(late);
  if (isLate) {
    const seconds = Math.round(limitMs / 1000);
    throw new Error(
      `${container} could not be restored on ${context.host}: it took longer than ${seconds} s`,
    );
  }
  if (pid === null) throw restoreFailure(context, { container, job, places });
  await wire(context, { record, pid, mac: request.mac });
  context.exits.watch(container, cgroupOf(record.engine, record.id));
  if (request.hold) return;
  await release(context, container);
  await job.over;
  if (job.error) throw restoreFailure(context, { container, job, places });
}

/**
 * Lets a held copy go. Resolves when it executes; what the engine still has to note goes on behind it. Until then it is
 * held, whatever was done to release it, so that the same may be asked again.
 */
export async function release(context: RuntimeContext, container: string): Promise<void> {
  const record = needRecord(container);
  const pid = heldPid(container);
  if (pid === null || !isHeld(container))
    throw new Error(`${container} cannot be released on ${context.host}: it is not held`);
  const places = placesOf(container);
  const job = context.jobs.of(container) ?? adoptRestore(context, record);
  await endHold(places);
  let over = false;
  const late = setTimeout(() => endEngine(context, { container, job }), ENGINE_LIMIT_MS);
  void job.over.then(() => {
    over = true;
    clearTimeout(late);
    if (job.error && !job.killed)
      context.log.warn(restoreFailure(context, { container, job, places }).message);
  });
  await until(() => over || !isTraced(pid), {
    what: `${container} executes after its release`,
    timeoutMs: RELEASE_LIMIT_MS,
  });
  rmSync(places.held, { force: true });
}

/** The restore of a copy that an earlier agent held goes on in a process that is not this one's. */
function adoptRestore(context: RuntimeContext, record: CopyRecord): Job {
  const { container, engine, id } = record;
  const giveBack = context.freezer.lend(container);
  const restoring = findProcess(listProcesses(), context.engines[engine].restoreArgv(id));
  return context.jobs.begin(container, async (onStart) => {
    if (!restoring) return giveBack();
    onStart(restoring.pid);
    const what = `the restore of ${container} that an earlier agent started has ended`;
    await until(() => !isRunning(restoring), { what, timeoutMs: 2 * ENGINE_LIMIT_MS }).finally(giveBack);
  });
}

/** An engine that hangs behind a release keeps its lock, and whatever is to be done with the container waits for it. */
function endEngine(context: RuntimeContext, { container, job }: { container: string; job: Job }): void {
  context.log.warn(
    `${container}: its engine did not end its restore within ${ENGINE_LIMIT_MS / 1000} s after the release on ${context.host}, and is ended`,
  );
  if (job.pid) signalProcess(job.pid, "SIGKILL");
}

/** The pipe that is gone is the release; what is written into it only ends the wait at once, where it still lasts. */
async function endHold({ gatePipe }: Places): Promise<void> {
  const pipe = await open(gatePipe, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => null);
  rmSync(gatePipe, { force: true });
  await pipe?.write("\n").catch(() => {});
  await pipe?.close();
}

/** The writable layer becomes what it was when the checkpoint was taken; nothing of this copy's earlier lives stays. */
async function layLayer(record: CopyRecord, layer: string): Promise<void> {
  await Promise.all(
    readdirSync(record.layer).map((name) => rm(join(record.layer, name), { recursive: true, force: true })),
  );
  await run(tar.unpack({ folder: record.layer, file: layer }), { timeoutMs: 600_000 });
}

/**
 * The engine, told already to restore it, waits until it has taken down what ended, and is stopped then until the layer
 * is laid. safety: a layer that was mounted before is not known to be what the container will see.
 */
async function layBetween(
  engine: Engine,
  {
    record,
    layer,
    signal,
    onTakenDown,
  }: {
    record: CopyRecord;
    layer: string;
    signal: (name: "SIGSTOP" | "SIGCONT") => void;
    onTakenDown: () => void;
  },
): Promise<void> {
  await engine.takenDown?.(record);
  signal("SIGSTOP");
  onTakenDown();
  try {
    if (engine.isMounted?.(record))
      throw new Error(`the copy of ${record.container} was mounted before its layer was laid`);
    await layLayer(record, layer);
  } finally {
    signal("SIGCONT");
  }
}

/** Behind it all else goes on; where it fails, clients that ask meanwhile only wait longer. */
function acceptFrames(context: RuntimeContext, mac: string): void {
  tryRun(acceptMac({ parent: context.network().parent, mac })).catch((error: Error) =>
    context.log.debug(`the card may drop what is sent to ${mac}: ${error.message}`),
  );
}

function clearTraces(places: Places): void {
  for (const path of [places.prepared, places.held, places.mac, places.gatePipe, places.work]) {
    rmSync(path, { recursive: true, force: true });
  }
  mkdirSync(places.work, { mode: 0o700 });
}

/** The process that is held now; null: the engine has ended before. */
function heldOrOver(places: Places, job: Job, container: string): Promise<number | null> {
  return new Promise((resolve) => {
    const look = () => {
      const pid = heldPid(container);
      if (pid !== null) settle(pid);
    };
    const watcher = watch(places.run, { persistent: false }, look);
    const settle = (pid: number | null) => {
      watcher.close();
      resolve(pid);
    };
    watcher.on("error", () => undefined);
    void job.over.then(() => settle(null));
    look();
  });
}

function restoreFailure(
  context: RuntimeContext,
  { container, job, places }: { container: string; job: Job; places: Places },
): Error {
  const what = `${container} could not be restored on ${context.host}`;
  if (job.killed) return new Error(`${what}: it was killed meanwhile`);
  const log = join(places.work, "restore.log");
  const reason = criuReason(readIfThere(log) ?? "");
  const engine = job.error?.message ?? "the engine ended without running it";
  const words = reason.said.length > 0 ? criuSentence(reason) : engine;
  return new Error(`${what}: ${words}`, { cause: job.error });
}

/** Bytes of the files in a folder. */
function sizeOf(folder: string): number {
  const sizes = readdirSync(folder).map(
    (name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
