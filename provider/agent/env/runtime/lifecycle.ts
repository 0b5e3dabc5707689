import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ContainerSpec, parkedMac, paths, realMac, specDigest } from "../../../contract";
import type { CopyRequest } from "../../env";
import { cgroupControllers, cgroupOf, readEvents, writeCgroup } from "./cgroup";
import { ip, refuseMac } from "./commands/ip";
import { ipBatch } from "./commands/netns";
import type { RuntimeContext } from "./context";
import { forgetExit, needPid, stateOf } from "./copies";
import { tryRun } from "./exec";
import { applyReasons, forgetReasons } from "./freezer";
import { placesOf } from "./places";
import { type CopyRecord, deleteRecord, readRecord, writeRecord } from "./record";
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
  await context.fetches(name, async () => {
    if (await engine.hasImage(image)) return;
    if (archive) await engine.load(join(paths.images, `${archive}.tar`), image);
    else await engine.pull(image);
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
  const job = context.jobs.begin(spec.name, () => context.engines[record.engine].start(record));
  await job.over;
  if (job.killed) throw new Error(`${spec.name} was killed while it started`);
  if (job.error) throw job.error;
  await wire(context, { record, pid: needPid(context, record), mac });
  context.exits.watch(spec.name, cgroupOf(record.engine, record.id));
  await applyReasons(record);
}

async function create(context: RuntimeContext, spec: ContainerSpec): Promise<CopyRecord> {
  await endProcesses(context, spec.name);
  await removeCopy(context, spec.name);
  const engine = context.engines[spec.workload.engine];
  const { parent, subnet, gateway, address } = context.network();
  await engine.ensureNetwork({
    parent,
    subnet,
    // Docker always has a gateway and takes the subnet's first address for it, which may be somebody's.
    gateway: gateway ?? (engine.name === "docker" ? address : undefined),
  });
  const places = placesOf(spec.name);
  mkdirSync(places.run, { recursive: true, mode: 0o700 });
  const controllers = cgroupControllers();
  if (spec.workload.memory && !controllers.includes("memory")) {
    context.log.warn(
      `${spec.name}: this host has no memory controller, its limit of ${spec.workload.memory} MB is not enforced`,
    );
  }
  const record = await engine.create({
    group: context.group,
    spec,
    mac: parkedMac(context.group, spec.name, context.host),
    criuConf: places.criuConf,
    envFile: places.envFile,
    controllers,
  });
  writeRecord(record);
  return record;
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
  for (;;) {
    const job = context.jobs.of(container);
    rmSync(places.gatePipe, { force: true });
    const cgroup = cgroupOf(record.engine, record.id);
    if (cgroup) writeCgroup(cgroup, "cgroup.kill", "1");
    if (!job) break;
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
  forgetReasons(container);
}

const KILL_AGAIN_MS = 20;

export async function remove(context: RuntimeContext, container: string): Promise<void> {
  await kill(context, container);
  await removeCopy(context, container);
}

async function removeCopy(context: RuntimeContext, container: string): Promise<void> {
  const record = readRecord(container) ?? (await strayOf(context, container));
  if (!record) return deleteRecord(container);
  await unroute(context, { virtualIps: record.virtualIps, mac: realMac(context.group, container) });
  await context.engines[record.engine].remove(record.id);
  deleteRecord(container);
}

/** A copy without a record, as a crash between the engine's work and ours leaves it. */
async function strayOf(context: RuntimeContext, container: string): Promise<CopyRecord | null> {
  // Its run folder is made before the engine is asked: without one there was no attempt since the host started, and
  // what is older was found by `list`.
  if (!existsSync(placesOf(container).run)) return null;
  for (const engine of Object.values(context.engines)) {
    const found = await engine.list(context.group).catch(() => []);
    const stray = found.find((record) => record.container === container);
    if (stray) return stray;
  }
  return null;
}

/** Drops the ways of the host and of its card to a container. What is gone already is as good as dropped. */
export async function unroute(
  context: RuntimeContext,
  { virtualIps, mac }: { virtualIps: readonly string[]; mac: string },
): Promise<void> {
  await Promise.all([
    tryRun(refuseMac({ parent: context.network().parent, mac })),
    ...ip.unroute(virtualIps).map((line) => tryRun(ipBatch, { input: lines([line]) })),
  ]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
