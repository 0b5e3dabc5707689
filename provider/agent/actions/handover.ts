import type { MovePhases } from "../../contract";
import { type Context, count, localOf, type Subject } from "../context";
import { TAKE_BACK_MS } from "../decide-handover";
import { handOverTxn, rollBackTxn, stageTxn } from "../handover-txns";
import { settle } from "../settle";
import { type ContainerView, createViewReader } from "../view";
import { type MemoryPhases, moveMemory } from "./handover-memory";
import { rollBack, rolledBack } from "./handover-undo";
import { evict } from "./own";

const LOOK_MS = 10;

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
  let times: MemoryPhases;
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

function phasesOf(times: Omit<MovePhases, "totalMs">): MovePhases {
  const rounded = Object.fromEntries(Object.entries(times).map(([phase, ms]) => [phase, Math.round(ms)]));
  const totalMs = Math.round(Object.values(times).reduce((sum, ms) => sum + ms, 0));
  return { ...(rounded as typeof times), totalMs };
}

function phasesSentence(phases: MovePhases): string {
  const { freezeMs, dumpMs, transferMs, restoreMs, switchMs, totalMs } = phases;
  return `nobody served for ${totalMs} ms (freeze ${freezeMs}, dump ${dumpMs}, transfer ${transferMs}, restore ${restoreMs}, switch ${switchMs})`;
}

async function readContainer(context: Context, name: string): Promise<ContainerView | null> {
  const view = createViewReader(context.me.group)(await context.env.store.read());
  return view.containers.get(name) ?? null;
}
