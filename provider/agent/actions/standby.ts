import { type Generation, parkedMac, specDigest } from "../../contract";
import { type Context, enter, forgetCopy, type Subject, unlessEnded } from "../context";
import { holds } from "../standby";
import { restoreIntact } from "./restore";

/** After a copy could not be prepared, or a speculative restore failed or was let go, the next attempt waits this long. */
const RETRY_PAUSE_MS = 10_000;

export async function prepare(context: Context, { container, local }: Subject): Promise<string> {
  const spec = container.spec!.value;
  local.mac = "parked";
  await context.syncGate();
  try {
    await unlessEnded(context, context.env.runtime.ensureImage(spec.workload));
    await context.env.runtime.prepare({
      spec,
      mac: parkedMac(context.me.group, container.name, context.me.host),
    });
  } catch (error) {
    local.noPrepareBefore = context.env.clock.now() + RETRY_PAUSE_MS;
    throw error;
  }
  Object.assign(local, { state: "prepared", held: null, heldSince: null, heldFor: null, warmMb: null });
  local.specDigest = specDigest(spec);
  enter(context, container.name, local, "PREPARED");
  return `${container.name}: a standby copy is prepared on ${context.me.host}`;
}

/** The primary is suspected: restore its committed generation and wait before its first instruction. */
export async function hold(context: Context, subject: Subject, because: string): Promise<string> {
  const { container, local } = subject;
  const startedAt = context.env.clock.now();
  const named = await restoreNamed(context, subject);
  local.heldSince = context.env.clock.now();
  enter(context, container.name, local, "HELD");
  const took = Math.round(local.heldSince - startedAt);
  const sentence = `${container.name}: generation ${named.epoch}-${named.gen} is restored and held on ${context.me.host} after ${took} ms: ${because}`;
  context.env.log.event({ kind: "hold", container: container.name, sentence });
  return sentence;
}

/** Keeps a restored, frozen copy of the committed generation; until it is there, the files are what a failover takes. */
export async function warm(context: Context, subject: Subject, because: string): Promise<string> {
  const { container, local } = subject;
  const startedAt = context.env.clock.now();
  if (local.state !== "held" || !holds(local, container.generation!.value))
    await restoreNamed(context, subject);
  const { memoryMb } = await context.env.runtime.keepWarm(container.name);
  Object.assign(local, { state: "warm", warmMb: memoryMb, heldSince: null });
  enter(context, container.name, local, "WARM");
  const took = Math.round(context.env.clock.now() - startedAt);
  return `${container.name}: generation ${local.held!.epoch}-${local.held!.gen} is warm on ${context.me.host} after ${took} ms, ${memoryMb} MB: ${because}`;
}

async function restoreNamed(context: Context, { container, local }: Subject): Promise<Generation> {
  const named = container.generation!.value;
  Object.assign(local, { held: null, heldSince: null, heldFor: null, warmMb: null });
  try {
    if (local.state === "warm") enter(context, container.name, local, "PREPARED");
    await restoreIntact(context, { container, local }, { named });
  } catch (error) {
    local.noHoldBefore = context.env.clock.now() + RETRY_PAUSE_MS;
    throw error;
  }
  local.held = { epoch: named.epoch, gen: named.gen };
  return named;
}

export async function discard(
  context: Context,
  { container, local }: Subject,
  because: string,
): Promise<string> {
  const what = local.state;
  await context.env.runtime.kill(container.name);
  await context.env.runtime.remove(container.name);
  forgetCopy(local);
  local.noHoldBefore = context.env.clock.now() + RETRY_PAUSE_MS;
  enter(context, container.name, local, "ABSENT");
  const sentence = `${container.name}: the ${what} copy on ${context.me.host} is let go: ${because}`;
  context.env.log.event({ kind: "discard", container: container.name, sentence });
  return sentence;
}
