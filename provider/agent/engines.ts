import type { Engine } from "../contract";
import { type Context, localOf, track, unlessEnded } from "./context";
import { observeCopy } from "./copies";
import type { ContainerView } from "./view";

/** An engine is asked this often whether it works and still has what it was given, and more often while it does not. */
const LOOK_MS = 40_000;
const LOOK_AGAIN_MS = 3_000;

/** Returns a function for each cycle that looks after the engines which the group's containers need. */
export function createEngineKeeper(context: Context): () => void {
  const engines = repeated(context, () => lookAtAll(context));
  const images = repeated(context, () => keepImages(context));
  return () => {
    engines(context.engineFaults.size > 0 ? LOOK_AGAIN_MS : LOOK_MS);
    images(LOOK_MS);
  };
}

/** Returns a function that begins the work again when the last time ended so long ago. */
function repeated(context: Context, work: () => Promise<void>): (pauseMs: number) => void {
  const { clock, log } = context.env;
  let endedAt = Number.NEGATIVE_INFINITY;
  let running = false;
  return (pauseMs) => {
    if (running || clock.now() - endedAt < pauseMs) return;
    running = true;
    const ended = () => {
      running = false;
      endedAt = clock.now();
    };
    const failed = (error: Error) => {
      if (!context.signal.aborted) log.warn(error.message);
    };
    track(context, work().catch(failed).finally(ended));
  };
}

async function lookAtAll(context: Context): Promise<void> {
  const containers = [...context.view.containers.values()];
  const used = new Set(containers.flatMap(({ spec }) => spec?.value.workload.engine ?? []));
  await Promise.all([...used].map((engine) => lookAt(context, engine)));
}

/** Asks the engine now; null: it works here. */
export async function lookAt(context: Context, engine: Engine): Promise<string | null> {
  const { fault, lost } = await unlessEnded(context, context.env.runtime.keepEngine(engine));
  note(context, engine, fault);
  for (const name of lost) {
    const { busy } = localOf(context, name);
    context.env.log.event({
      kind: "engine",
      container: name,
      sentence: `${name}: its copy on ${context.me.host} is of no use any more: ${engine} has lost it or its network`,
    });
    // What is being done with it finds out by itself.
    if (!busy) await observeCopy(context, name);
  }
  if (lost.length > 0) context.wake();
  return fault;
}

function note(context: Context, engine: Engine, fault: string | null): void {
  const before = context.engineFaults.get(engine) ?? null;
  if (before === fault) return;
  const faults = new Map(context.engineFaults);
  if (fault === null) faults.delete(engine);
  else faults.set(engine, fault);
  context.engineFaults = faults;
  if (before !== null && fault !== null) return;
  const what =
    fault === null
      ? `${engine} works again on ${context.me.host}`
      : notWorking(context.me.host, engine, fault);
  context.env.log.event({ kind: "engine", sentence: what });
  context.wake();
}

/** The images of what runs here or stands by here, whatever becomes of them in engine and registry. */
async function keepImages(context: Context): Promise<void> {
  const workloads = [...context.view.containers.values()].flatMap((container) =>
    container.spec && isKeptHere(context, container) ? [container.spec.value.workload] : [],
  );
  const works = workloads.filter(({ engine }) => !context.engineFaults.has(engine));
  const { runtime, log } = context.env;
  for (const workload of works)
    await unlessEnded(context, runtime.ensureImage(workload)).catch((error: Error) => {
      context.signal.throwIfAborted();
      log.warn(`${workload.image} is not in ${workload.engine} here and was not brought: ${error.message}`);
    });
  const pulled = workloads.filter(({ archive }) => archive === undefined);
  await unlessEnded(context, runtime.keepImages(pulled));
}

function isKeptHere({ me }: Context, { owner, standbys }: ContainerView): boolean {
  return owner?.value.host === me.host || (standbys?.value.hosts.includes(me.host) ?? false);
}

/** Why a host cannot run what needs this engine, as far as it has told; null: it can. */
export function engineFault(context: Context, host: string, engine: Engine): string | null {
  const fault = engineFaultsOf(context, host)[engine];
  return fault === undefined ? null : notWorking(host, engine, fault);
}

/** Engines that do not work on a host, as far as it has told, and why. */
export function engineFaultsOf(context: Context, host: string): Record<string, string> {
  return host === context.me.host
    ? Object.fromEntries(context.engineFaults)
    : (context.view.hosts.get(host)?.info?.engines ?? {});
}

function notWorking(host: string, engine: Engine, fault: string): string {
  return `${engine} does not work on ${host}: ${fault}`;
}
