import type { Engine } from "../contract";
import { type Context, localOf, track } from "./context";
import { observeCopy } from "./copies";
import type { ContainerView } from "./view";

/** An engine is asked this often whether it works and still has what it was given, and more often while it does not. */
const LOOK_MS = 40_000;
const LOOK_AGAIN_MS = 3_000;

/** Returns a function for each cycle that looks after the engines which the group's containers need. */
export function createEngineKeeper(context: Context): () => void {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking = false;
  return () => {
    const pause = context.engineFaults.size > 0 ? LOOK_AGAIN_MS : LOOK_MS;
    if (looking || context.env.clock.now() - lookedAt < pause) return;
    looking = true;
    const work = lookAfter(context).finally(() => {
      looking = false;
      lookedAt = context.env.clock.now();
    });
    track(context, work);
  };
}

async function lookAfter(context: Context): Promise<void> {
  const used = new Set(
    [...context.view.containers.values()].flatMap(({ spec }) => spec?.value.workload.engine ?? []),
  );
  await Promise.all([...used].map((engine) => lookAt(context, engine)));
  await keepImages(context).catch((error: Error) => {
    if (!context.signal.aborted) context.env.log.warn(`an image is not kept here: ${error.message}`);
  });
}

/** Asks the engine now; null: it works here. */
export async function lookAt(context: Context, engine: Engine): Promise<string | null> {
  const { fault, lost } = await context.env.runtime.keepEngine(engine);
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
  for (const workload of works) await context.env.runtime.ensureImage(workload);
  await context.env.runtime.keepImages(workloads.filter(({ archive }) => archive === undefined));
}

function isKeptHere({ me }: Context, { owner, standbys }: ContainerView): boolean {
  return owner?.value.host === me.host || (standbys?.value.hosts.includes(me.host) ?? false);
}

/** Why a host cannot run what needs this engine, as far as it has told; null: it can. */
export function engineFault(context: Context, host: string, engine: Engine): string | null {
  const fault =
    host === context.me.host
      ? context.engineFaults.get(engine)
      : context.view.hosts.get(host)?.info?.engines?.[engine];
  return fault === undefined ? null : notWorking(host, engine, fault);
}

function notWorking(host: string, engine: Engine, fault: string): string {
  return `${engine} does not work on ${host}: ${fault}`;
}
