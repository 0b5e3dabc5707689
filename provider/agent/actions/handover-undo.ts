import { type Context, count, type Subject } from "../context";
import { giveBackTxn, rollBackTxn } from "../handover-txns";
import { settle } from "../settle";
import { resume } from "./resume";

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

/** What follows when the record of the move is gone: it goes on here. */
export async function rolledBack(
  context: Context,
  { container, local }: Subject,
  because: string,
): Promise<string> {
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
