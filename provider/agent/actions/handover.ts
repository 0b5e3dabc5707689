import { ctlReplySchema, type HandoverRequest, type MovePhases, parse, realMac } from "../../contract";
import {
  type Context,
  count,
  enter,
  type Local,
  localOf,
  type Subject,
  track,
  unlessEnded,
} from "../context";
import { TAKE_BACK_MS } from "../decide-handover";
import type { GenerationRef } from "../env";
import { beginHandoverTxn, giveBackTxn, handOverTxn, rollBackTxn, stageTxn } from "../handover-txns";
import { isLiveMember } from "../input";
import { settle } from "../settle";
import { type ContainerView, createViewReader } from "../view";
import { unlessSuspected, withLimit } from "./limit";
import { evict } from "./own";
import { resume } from "./resume";

/** Pulling an image included. */
const PREPARE_LIMIT_MS = 180_000;
/** From the closing of the gate until the target holds the copy. */
const MOVE_LIMIT_MS = 10_000;
const CLOSE_LIMIT_MS = 2_000;
/** From the freeze until the gate is closed. */
const LAST_WORDS_MS = 10;
/** While nobody serves, a target that is suspected is given up at once, and one that says nothing after this time. */
const SILENCE_MS = 1_000;
const PATIENT_SILENCE_MS = 5_000;
const LOOK_MS = 10;
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
    await askTarget(context, request, PREPARE_LIMIT_MS, PATIENT_SILENCE_MS);
    move.ready = true;
  } catch (error) {
    move.outcome = { ok: false, reason: (error as Error).message };
  }
  context.wake();
}

/** M2 to M6: from the closing of the gate to the end of the frozen copy. */
export async function handOver(context: Context, subject: Subject, because: string): Promise<string> {
  const { env, me } = context;
  const { local } = subject;
  const name = subject.container.name;
  const move = local.move!;
  const moving = await enterStage(context, subject.container);
  if (!moving) return `${name}: its records changed, decides again`;
  // The store may have been slow to answer, and the lease have lapsed meanwhile.
  if (local.state !== "running")
    return rollBack(context, { container: moving, local }, `it was ${local.state} when it was to move`);
  // safety: a revision of the store, so that no generation has this number while what is left of the move is removed.
  const gen = moving.migration!.rev;
  const reference = { container: name, epoch: subject.container.owner!.value.epoch, gen };
  let times: Omit<MovePhases, "switchMs" | "totalMs">;
  try {
    times = await moveMemory(context, { container: moving, local }, reference);
  } catch (error) {
    context.signal.throwIfAborted();
    return rollBack(context, { container: moving, local }, (error as Error).message);
  } finally {
    void env.disk.remove(reference).catch(() => {});
  }
  const switchedAt = env.clock.now();
  const txn = handOverTxn(me, moving, {
    target: context.view.hosts.get(move.to)!,
    gen: { epoch: reference.epoch, gen },
    at: env.clock.wall(),
  });
  const outcome = await env.store.txn(txn);
  // ---- point of no return: with this answer, or a later one, the target owns it ----
  if (outcome.result === "refused")
    return rollBack(context, { container: moving, local }, `${move.to} cannot own it any more`);
  if (outcome.result === "unknown") {
    const { committed } = await settle(env, rollBackTxn(me, moving), context.signal);
    if (committed) return rolledBack(context, { container: moving, local }, outcome.cause);
  }
  local.handedOverAt = env.clock.now();
  const ended = await untilItRuns(context, moving);
  if (!ended) return `${name}: ${move.to} did not run it in time`;
  const owner = ended.owner!.value;
  if (owner.host !== move.to || owner.phase !== "RUNNING") {
    move.outcome = { ok: false, reason: owner.reason };
    return `${name}: ${owner.reason}`;
  }
  const phases = phasesOf({ ...times, switchMs: env.clock.now() - switchedAt });
  count(context, "handovers_total");
  // M6: nothing of the frozen copy can be heard through the closed gate.
  await evict(context, { container: ended, local }, `${move.to} runs it`);
  const sentence = `${name} moved from ${me.host} to ${move.to} at epoch ${owner.epoch}; ${phasesSentence(phases)}: ${because}`;
  env.log.event({ kind: "handover", container: name, sentence });
  move.outcome = { ok: true, epoch: owner.epoch, phases };
  return sentence;
}

/** The container with its migration record as it stands after the stage was written; null: its records changed. */
async function enterStage(context: Context, container: ContainerView): Promise<ContainerView | null> {
  const { env, me } = context;
  const { committed } = await settle(env, stageTxn(me, container, "MOVING"), context.signal);
  const now = committed ? await readContainer(context, container.name) : null;
  return now?.migration?.value.stage === "MOVING" && now.owner?.rev === container.owner!.rev ? now : null;
}

/** M2 and M3: ends when the target holds the copy before its next instruction. */
async function moveMemory(
  context: Context,
  { container, local }: Subject,
  reference: GenerationRef,
): Promise<Omit<MovePhases, "switchMs" | "totalMs">> {
  const { env, me } = context;
  const { name } = container;
  const { id, to } = container.migration!.value;
  const folder = await env.disk.begin(reference);
  let startedAt = env.clock.now();
  let closedAt = startedAt;
  const stop = async () => {
    // A lapse meanwhile has frozen it and closed its gate for another reason.
    if (local.standing !== "RUNNING" || local.state !== "running")
      throw new Error(`it ceased to serve on ${me.host} before it was frozen`);
    startedAt = env.clock.now();
    enter(context, name, local, "HANDOVER");
    local.state = "frozen";
    // In this order: what a client sent until the gate closed is acknowledged and moves with the copy. What comes later
    // is said again only after its retransmission timeout, so that who asks again upon the last reply may still do so.
    await env.runtime.freeze(name, "handover");
    await env.clock.sleep(LAST_WORDS_MS, context.signal);
    local.joined = false;
    await withLimit(context, env.gate.leave(realMac(me.group, name)), CLOSE_LIMIT_MS, "closing the gate");
    closedAt = env.clock.now();
  };
  const dumped = env.runtime.dump({ container: name, folder, stop });
  const marks = { dumped: startedAt, sent: startedAt };
  const held = askTarget(
    context,
    { name, id, step: { do: "restore", epoch: reference.epoch, gen: reference.gen } },
    MOVE_LIMIT_MS,
    SILENCE_MS,
  );
  const sent = env.net.sendImages(to, reference, { folder, dumped });
  const note = (mark: keyof typeof marks) => () => {
    marks[mark] = env.clock.now();
  };
  try {
    const all = [dumped.then(note("dumped")), sent.then(note("sent")), held];
    const moved = withLimit(context, Promise.all(all), MOVE_LIMIT_MS, `moving it to ${to}`);
    await unlessSuspected(context, to, moved);
  } catch (error) {
    // The runtime does one thing at a time with a container, and the next is to let it go on.
    await dumped.catch(() => {});
    throw error;
  }
  if (!isLiveMember(context, to)) throw new Error(`${to} does not renew its lease any more`);
  return {
    freezeMs: closedAt - startedAt,
    dumpMs: marks.dumped - closedAt,
    transferMs: Math.max(0, marks.sent - marks.dumped),
    restoreMs: env.clock.now() - Math.max(marks.sent, marks.dumped),
  };
}

/** What the records say when the target has run it or has given it back; null: taken back, or to be decided anew. */
async function untilItRuns(context: Context, moving: ContainerView): Promise<ContainerView | null> {
  const { env } = context;
  const before = moving.owner!.rev;
  let given: number | null = null;
  for (;;) {
    const now = await readContainer(context, moving.name).catch(() => null);
    const rev = now?.owner?.rev ?? before;
    if (now && rev !== before) {
      given ??= rev;
      if (rev !== given || now.owner!.value.phase !== "RESTORING") return now;
    }
    const late = env.clock.now() - localOf(context, moving.name).handedOverAt! >= TAKE_BACK_MS;
    if (late || context.suspects.has(moving.migration!.value.to)) return null;
    await env.clock.sleep(LOOK_MS, context.signal);
    context.signal.throwIfAborted();
  }
}

/**
 * Before M4: the record goes first, acknowledged, so that an M4 that is still on its way cannot commit; then the
 * container goes on. While the store is away it stays frozen.
 */
export async function rollBack(context: Context, subject: Subject, because: string): Promise<string> {
  const { container, local } = subject;
  const { committed } = await settle(context.env, rollBackTxn(context.me, container), context.signal);
  if (committed) return rolledBack(context, subject, because);
  if (local.move) local.move.outcome ??= { ok: false, reason: because };
  return `${container.name}: its records changed, decides again`;
}

async function rolledBack(context: Context, { container, local }: Subject, because: string): Promise<string> {
  const { name } = container;
  const { to } = container.migration!.value;
  count(context, "handover_rollbacks_total");
  const sentence = `${name} stays on ${context.me.host}, its handover to ${to} was rolled back: ${because}`;
  context.env.log.event({ kind: "handover-failed", container: name, sentence });
  if (local.move) local.move.outcome ??= { ok: false, reason: because };
  if (local.state === "frozen")
    await resume(context, { container: { ...container, migration: null }, local });
  return sentence;
}

/** After M4: the target is dead or late. While its phase is RESTORING it has not served, so nothing is lost. */
export async function takeBack(
  context: Context,
  { container, local }: Subject,
  because: string,
): Promise<string> {
  const { env, me } = context;
  const { to } = container.migration!.value;
  const reason = `taken back by ${me.host}: ${because}`;
  const txn = giveBackTxn(me, container, { source: null, at: env.clock.wall(), reason });
  const { committed } = await settle(env, txn, context.signal);
  if (!committed) return `${container.name}: ${to} runs it, or gave it back`;
  count(context, "handover_rollbacks_total");
  if (local.move) local.move.outcome ??= { ok: false, reason };
  const sentence = `${container.name} is ${reason}`;
  env.log.event({ kind: "handover-failed", container: container.name, sentence });
  return sentence;
}

function phasesOf(times: Omit<MovePhases, "totalMs">): MovePhases {
  const rounded = Object.fromEntries(Object.entries(times).map(([phase, ms]) => [phase, Math.round(ms)]));
  const totalMs = Math.round(Object.values(times).reduce((sum, ms) => sum + ms, 0));
  return { ...(rounded as typeof times), totalMs };
}

function phasesSentence(phases: MovePhases): string {
  const { freezeMs, dumpMs, transferMs, restoreMs, switchMs, totalMs } = phases;
  return `nobody served for ${totalMs} ms (freeze ${freezeMs}, dump ${dumpMs}, transfer ${transferMs}, restore ${restoreMs}, switch ${switchMs})`;
}

async function askTarget(
  context: Context,
  request: Omit<HandoverRequest, "op">,
  timeoutMs: number,
  silenceMs: number,
): Promise<void> {
  const { to } = localOf(context, request.name).move!;
  const answer = await context.env.net.ask(to, { op: "handover", ...request }, timeoutMs, silenceMs);
  const reply = parse(ctlReplySchema, answer, `the answer of ${to}`);
  if (!reply.ok) throw new Error(reply.message);
}

async function readContainer(context: Context, name: string): Promise<ContainerView | null> {
  const view = createViewReader(context.me.group)(await context.env.store.read());
  return view.containers.get(name) ?? null;
}
