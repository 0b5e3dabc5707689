import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ContainerSpec, parkedMac, paths, realMac, specDigest } from "../../../contract";
import type { CopyRequest } from "../../env";
import { cgroupControllers, cgroupOf, readEvents, writeCgroup } from "./cgroup";
import { ip, refuseMac } from "./commands/ip";
import { ipBatch } from "./commands/netns";
import type { RuntimeContext } from "./context";
import { forgetExit, isLiving, needPid, stateOf } from "./copies";
import type { Engine } from "./engine";
import { engineNetworkPlan } from "./engine-network";
import { tryRun } from "./exec";
import { loadKept } from "./kept-images";
import { placesOf } from "./places";
import { endCommandsAbout } from "./processes";
import { type CopyRecord, deleteRecord, readRecord, recordedContainers, writeRecord } from "./record";
import { until } from "./wait";
import { lines, wire } from "./wiring";

const DEATH_TIMEOUT_MS = 30_000;

export async function ensureImage(
  context: RuntimeContext,
  {
    engine: name,
    image,
    archive,
  }: { engine: ContainerSpec["workload"]["engine"]; image: string; archive?: string },
): Promise<void> {
  const engine = context.engines[name];
  if (await engine.hasImage(image)) return;
  // A name that is pulled for minutes keeps nobody from another.
  await context.fetches(archive ? name : `${name} ${image}`, async () => {
    if (await engine.hasImage(image)) return;
    if (archive) return engine.load(join(paths.images, `${archive}.tar`), image);
    if (!(await loadKept(context, { engine: name, image }))) await engine.pull(image);
  });
}

/** A copy that may be restored into. One of the same specification is kept and only made ready again. */
export async function prepare(context: RuntimeContext, { spec }: CopyRequest): Promise<void> {
  const known = readRecord(spec.name);
  if (known?.specDigest === specDigest(spec)) {
    const state = stateOf(context, known);
    if (state === "prepared" && !context.jobs.of(spec.name)) return;
    await endProcesses(context, spec.name);
    try {
      await context.engines[known.engine].makeRestorable(known);
      return markPrepared(context, known);
    } catch (error) {
      context.log.debug(`${spec.name}: its old copy cannot be used again: ${(error as Error).message}`);
    }
  }
  const record = await create(context, spec);
  await context.engines[record.engine].makeRestorable(record);
  markPrepared(context, record);
}

function markPrepared(context: RuntimeContext, record: CopyRecord): void {
  forgetExit(context, record.id);
  writeFileSync(placesOf(record.container).prepared, "");
}

export async function start(context: RuntimeContext, { spec, mac }: CopyRequest): Promise<void> {
  const kills = context.jobs.kills(spec.name);
  const record = await create(context, spec);
  if (context.jobs.kills(spec.name) !== kills) throw new Error(`${spec.name} was killed before it started`);
  // A process that is frozen while its engine sets it up would keep the engine waiting.
  const giveBack = context.freezer.lend(spec.name);
  const job = context.jobs.begin(spec.name, () =>
    context.engines[record.engine].start(record).finally(giveBack),
  );
  await job.over;
  if (job.killed) throw new Error(`${spec.name} was killed while it started`);
  if (job.error) throw job.error;
  await wire(context, { record, pid: needPid(context, record), mac });
  context.exits.watch(spec.name, cgroupOf(record.engine, record.id));
}

async function create(context: RuntimeContext, spec: ContainerSpec): Promise<CopyRecord> {
  await endProcesses(context, spec.name);
  await removeCopy(context, spec.name);
  const engine = context.engines[spec.workload.engine];
  await ensureEngineNetwork(context, engine);
  const places = placesOf(spec.name);
  mkdirSync(places.run, { recursive: true, mode: 0o700 });
  const controllers = cgroupControllers();
  if (spec.workload.memory && !controllers.includes("memory")) {
    context.log.warn(
      `${spec.name}: this host has no memory controller, its limit of ${spec.workload.memory} MB is not enforced`,
    );
  }
  const plan = {
    group: context.group,
    spec,
    mac: parkedMac(context.group, spec.name, context.host),
    criuConf: places.criuConf,
    envFile: places.envFile,
    controllers,
  };
  const record = await engine.create(plan).catch(async (error: Error) => {
    await removeStrays(context, spec.name, [engine]).catch(() => undefined);
    throw error;
  });
  writeRecord(record);
  return record;
}

/**
 * One at a time for each engine: two first starts would both make it. True: it was made, and copies that were created on
 * an earlier one are of no use any more.
 */
export function ensureEngineNetwork(context: RuntimeContext, engine: Engine): Promise<boolean> {
  return context.fetches(`network of ${engine.name}`, async () => {
    const made = await engine.ensureNetwork(engineNetworkPlan(context.network(), engine.name));
    if (made) for (const { container } of idleCopies(context, engine.name)) orphan(context, container);
    return made;
  });
}

function orphan(context: RuntimeContext, container: string): void {
  rmSync(placesOf(container).prepared, { force: true });
  context.orphans.add(container);
}

/** Copies of which nothing runs and with which nothing is being done. */
export function idleCopies(context: RuntimeContext, engine: Engine["name"]): CopyRecord[] {
  const records = recordedContainers().flatMap((container) => readRecord(container) ?? []);
  return records.filter(
    (record) =>
      record.engine === engine && !context.jobs.of(record.container) && !isLiving(stateOf(context, record)),
  );
}

/**
 * SIGKILL for everything in its cgroup, which a frozen one obeys too and which ends a waiting restore. An engine that
 * is still starting or restoring it is waited for and killed again.
 */
export async function kill(context: RuntimeContext, container: string): Promise<void> {
  context.jobs.noteKill(container);
  await endProcesses(context, container);
}

export async function endProcesses(context: RuntimeContext, container: string): Promise<void> {
  context.exits.unwatch(container);
  const record = readRecord(container);
  if (!record) return;
  const places = placesOf(container);
  const begun = performance.now();
  for (;;) {
    const job = context.jobs.of(container);
    rmSync(places.gatePipe, { force: true });
    const cgroup = cgroupOf(record.engine, record.id);
    if (cgroup) writeCgroup(cgroup, "cgroup.kill", "1");
    if (!job) break;
    // The engine hangs: what it was asked for is not waited for, and nobody lets it go on when it is done late.
    if (performance.now() - begun > HUNG_MS) endCommandsAbout(record.engine, record.id);
    await Promise.race([job.over, pause(KILL_AGAIN_MS)]);
  }
  const cgroup = cgroupOf(record.engine, record.id);
  if (cgroup) {
    await until(() => !readEvents(cgroup)?.populated, {
      what: `the processes of ${container} have ended`,
      timeoutMs: DEATH_TIMEOUT_MS,
    });
  }
  for (const path of [places.held, places.mac]) rmSync(path, { force: true });
  context.freezer.forget(container);
}

const KILL_AGAIN_MS = 20;
/** An engine whose container is killed again and again ends its command within milliseconds. */
const HUNG_MS = 10_000;

export async function remove(context: RuntimeContext, container: string): Promise<void> {
  await kill(context, container);
  await removeCopy(context, container);
}

async function removeCopy(context: RuntimeContext, container: string): Promise<void> {
  const record = readRecord(container);
  if (record) {
    await unroute(context, record);
    await context.engines[record.engine].remove(record.id);
  } else await removeStrays(context, container);
  deleteRecord(container);
}

/** Copies without a record, as a crash between the engine's work and ours leaves them, or an engine that failed. */
async function removeStrays(
  context: RuntimeContext,
  container: string,
  engines: Engine[] = Object.values(context.engines),
): Promise<void> {
  // Its run folder is made before the engine is asked: without one there was no attempt since the host started, and
  // what is older was found by `list`.
  if (!existsSync(placesOf(container).run)) return;
  for (const engine of engines) {
    const found = await engine.list(context.group).catch(() => null);
    for (const record of found?.records ?? []) {
      if (record.container !== container) continue;
      await unroute(context, record);
      await engine.remove(record.id);
    }
    for (const stray of found?.unusable ?? []) {
      if (stray.container === container) await engine.remove(stray.id);
    }
  }
}

/** Drops the ways of the host and of its card to a container. What is gone already is as good as dropped. */
export async function unroute(
  context: RuntimeContext,
  { container, virtualIps }: Pick<CopyRecord, "container" | "virtualIps">,
): Promise<void> {
  context.announced.delete(container);
  const mac = realMac(context.group, container);
  await Promise.all([
    tryRun(refuseMac({ parent: context.network().parent, mac })),
    ...ip.unroute(virtualIps).map((line) => tryRun(ipBatch, { input: lines([line]) })),
  ]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
