import { type Connection, realMac } from "../../contract";
import { type Context, count, enter, type Subject } from "../context";
import { triesSoFar } from "../decide";
import { lookAt } from "../engines";
import { Undumpable } from "../env";
import { prospectsOf } from "../input";
import { beginAgainTxn, coldWrites } from "../ownership";
import { settle } from "../settle";
import { holds } from "../standby";
import { tellFailure } from "../tell-failure";
import { type ContainerView, usableGeneration } from "../view";
import { untried } from "../waiting";
import { startCold } from "./cold-start";
import { HoldersAway } from "./generations";
import { clear, end, giveUp } from "./give-up";
import { letGo } from "./let-go";
import { open, tellNetwork } from "./open";
import { restoreIntact } from "./restore";

const READ_AGAIN_MS = 20;
/** Where nobody else can take it, it is begun again so long after an engine that does not work has kept it from that. */
const ENGINE_PAUSE_MS = 2_000;

/** This host owns the container and its phase is RESTORING: restore or start it, then make it reachable. */
export async function begin(context: Context, subject: Subject): Promise<string> {
  const { container, local } = subject;
  const owner = container.owner!.value;
  const spec = container.spec!.value;
  enter(context, container.name, local, "RESTORING");
  local.joined = false;
  const startedAt = context.env.clock.now();
  // safety: under the phase before, the gate may have been left open by an earlier agent, or opened again by a lease
  // process that was started meanwhile. What has its parked MAC never was behind an open one.
  if (local.mac !== "parked") await context.env.gate.leave(realMac(context.me.group, container.name));
  try {
    const connections = owner.gen
      ? await restore(context, subject)
      : await startCold(context, { subject, spec });
    // What it says before the gate is open is dropped, so that it may execute already.
    const opening = open(
      context,
      subject,
      `${owner.reason}; serves again`,
      owner.gen ? [] : coldWrites(context.me, container),
    );
    // Its sockets are there before its first instruction: whoever is told connects while it is let go.
    const telling = opening.then((isOpen) => (isOpen ? tellNetwork(context, spec, connections) : undefined));
    telling.catch(() => {});
    const steps = [opening, owner.gen ? letGo(context, subject) : null] as const;
    // Where one fails, what goes on in the other would meet what is done next.
    await Promise.allSettled(steps);
    const [opened] = await Promise.all(steps);
    if (!opened) return `${container.name}: another owner was recorded while it began; it stays closed`;
    await telling;
  } catch (error) {
    context.signal.throwIfAborted();
    return failed(context, subject, error as Error);
  }
  const took = Math.round(context.env.clock.now() - startedAt);
  const from = owner.gen ? `from generation ${owner.gen.epoch}-${owner.gen.gen}` : "cold";
  const sentence = `${container.name} serves on ${context.me.host} at epoch ${owner.epoch}, begun ${from} in ${took} ms: ${owner.reason}`;
  context.env.log.event({ kind: "serve", container: container.name, sentence });
  return sentence;
}

async function restore(context: Context, { container, local }: Subject): Promise<Connection[]> {
  const { runtime } = context.env;
  const named = container.owner!.value.gen!;
  // What is held or warm was verified when it was restored: after the fence nothing depends on the memory's size.
  if (!holds(local, named)) {
    await restoreIntact(context, { container, local }, { named });
  }
  if (local.mac !== "real") {
    local.mac = "real";
    await context.syncGate();
    await runtime.setMac(container.name, realMac(context.me.group, container.name));
  }
  return connectionsIn(context, container.name, named);
}

/** Clients that were connected when the generation was taken. */
function connectionsIn(
  context: Context,
  container: string,
  { epoch, gen }: { epoch: number; gen: number },
): Connection[] {
  const stored = context.stored.get(container) ?? [];
  return stored.find((manifest) => manifest.epoch === epoch && manifest.gen === gen)?.connections ?? [];
}

async function failed(context: Context, subject: Subject, error: Error): Promise<string> {
  const { container, local } = subject;
  const spec = container.spec!.value;
  const reason = `${context.me.host} could not begin it: ${error.message}`;
  const disabled = (await lookAt(context, spec.workload.engine)) !== null;
  const sentence = `${container.name}: ${reason}`;
  // Each try is told, but not that it still waits for its engine.
  if (disabled) tellFailure(context, container.name, "begin-failed", reason);
  else context.env.log.event({ kind: "begin-failed", container: container.name, sentence });
  if (container.owner!.value.gen !== null) count(context, "restore_failures_total");
  const tried = triesSoFar(container, local, context.env.clock.now());
  // It must not be accepted, on any host.
  if (error instanceof Undumpable) {
    await end(context, subject, { phase: "FAILED", reason: error.message });
    return `${container.name} failed: ${error.message}`;
  }
  // Where its engine does not work nothing was tried: elsewhere it can begin now, or its memory waits here for the engine.
  const tries = disabled && usableGeneration(container) ? tried : tried + 1;
  if (tries >= spec.onFailure.tries || (disabled && othersMayTake(context, container))) {
    // Whoever has its memory and is away has not failed, whatever was tried there before.
    return giveUp(context, subject, reason, error instanceof HoldersAway ? error.hosts : []);
  }
  await context.env.gate.leave(realMac(context.me.group, container.name));
  await context.env.runtime.kill(container.name);
  if (local.state !== "absent") local.state = "exited";
  if (disabled) await context.env.clock.sleep(ENGINE_PAUSE_MS, context.signal);
  const cold = container.owner!.value.gen === null;
  const txn = beginAgainTxn(context.me, container, { cold, tries, at: context.env.clock.wall(), reason });
  const { committed } = await settle(context.env, txn, context.signal);
  // Where the phase was committed meanwhile it is decided anew, as for any container that is RUNNING and has ended.
  if (!committed) return `${container.name}: ${reason}; its records changed, decides again`;
  // Only now: an engine that is slow or does not work must not delay what the record says of it.
  await clear(context, subject);
  // A cycle that read the record before would try once more under that.
  while (context.view.containers.get(container.name)?.owner?.rev === container.owner!.rev) {
    context.wake();
    await context.env.clock.sleep(READ_AGAIN_MS, context.signal);
    context.signal.throwIfAborted();
  }
  return `${container.name}: ${reason}; tries again`;
}

/** A live host, by what it has told of itself, will begin it as soon as this one gives it up. */
function othersMayTake(context: Context, container: ContainerView): boolean {
  const prospects = prospectsOf(context, container);
  const tried = [...container.owner!.value.triedHosts, context.me.host];
  return untried(prospects, tried).some((host) => prospects.candidates.includes(host));
}
