import { type Context, type Local, localOf, type Subject, track, unlessEnded } from "../context";
import { beginHandoverTxn } from "../handover-txns";
import { settle } from "../settle";
import type { ContainerView } from "../view";
import { askTarget } from "./ask-target";

/** Pulling an image included. */
const PREPARE_LIMIT_MS = 180_000;
/** While it serves, a target that says nothing for so long is given up. */
const SILENCE_MS = 5_000;
const NEXT_MOVE_MS = 30_000;

/**
 * M0 and M1 of safety.md 1.11: records the handover and lets the target prepare, while the container serves. Resolves
 * when it is recorded; false: the records changed meanwhile. What follows is decided in the cycles (decide-handover).
 */
export async function beginHandover(
  context: Context,
  container: ContainerView,
  { to, because }: { to: string; because: string },
): Promise<boolean> {
  const { env, me } = context;
  const owner = container.owner!.value;
  const id = `${container.name}-${owner.epoch}-${container.owner!.rev}-${Math.round(env.clock.now())}`;
  const migration = {
    id,
    from: me.host,
    fromSid: me.sid,
    to,
    toSid: context.view.hosts.get(to)!.session!.value.sid,
    epoch: owner.epoch,
    stage: "PREPARING" as const,
    reason: `moved from ${me.host} to ${to}: ${because}`,
    at: env.clock.wall(),
  };
  const local = localOf(context, container.name);
  const before = local.move;
  // Before the record, which a cycle may read sooner than this does its reply.
  local.move = { id, to, ready: false, outcome: null };
  const { committed } = await settle(env, beginHandoverTxn(me, container, migration), context.signal);
  if (!committed) {
    local.move = before;
    return false;
  }
  env.log.event({
    kind: "handover",
    container: container.name,
    sentence: `${container.name} is to move from ${me.host} to ${to}: ${because}`,
  });
  // It only waits for an answer: what its session leaves to the next one must not wait with it.
  track(context, unlessEnded(context, prepareTarget(context, container.name, local)));
  return true;
}

/** It must not stay here. After a move that failed the next attempt waits. */
export async function move(
  context: Context,
  { container, local }: Subject,
  { to, because }: { to: string; because: string },
): Promise<string> {
  local.noMoveBefore = context.env.clock.now() + NEXT_MOVE_MS;
  const begun = await beginHandover(context, container, { to, because });
  return begun
    ? `${container.name} is to move to ${to}: ${because}`
    : `${container.name}: its records changed, decides again`;
}

/** In the background: a crash meanwhile is answered as ever. */
async function prepareTarget(context: Context, name: string, local: Local): Promise<void> {
  const move = local.move!;
  try {
    const request = { name, id: move.id, step: { do: "prepare" as const } };
    await askTarget(context, request, PREPARE_LIMIT_MS, SILENCE_MS);
    move.ready = true;
  } catch (error) {
    move.outcome = { ok: false, reason: (error as Error).message };
  }
  context.wake();
}
