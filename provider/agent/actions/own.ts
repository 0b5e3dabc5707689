import { realMac, specDigest } from "../../contract";
import { type Context, count, enter, forgetCopy, type Subject } from "../context";
import { triesSoFar } from "../decide";
import {
  beginAgainTxn,
  claimTxn,
  forgetTxn,
  phaseWrites,
  sessionCompares,
  standbysTxn,
  takeOverTxn,
} from "../ownership";
import { settle } from "../settle";
import { holds } from "../standby";
import { type GroupView, usableGeneration } from "../view";
import { begin } from "./begin";
import { freshView } from "./generations";
import { recover } from "./recover";

export async function claim(context: Context, { container }: Subject): Promise<string> {
  const { committed } = await settle(
    context.env,
    claimTxn(context.me, container, context.env.clock.wall()),
    context.signal,
  );
  return committed
    ? `${container.name}: this host is its first owner`
    : `${container.name}: another host was first`;
}

export async function takeOver(context: Context, subject: Subject, because: string): Promise<string> {
  const { container } = subject;
  const before = container.owner!.value;
  const fence = context.view.hosts.get(before.host)?.fences.get(before.sid) ?? null;
  const { txn, owner } = takeOverTxn(context.me, container, {
    fence,
    at: context.env.clock.wall(),
    reason: because,
  });
  const { committed } = await settle(context.env, txn, context.signal);
  if (!committed) return `${container.name}: another host took it, or its records changed`;
  count(context, "failovers_total");
  const what =
    before.host === context.me.host
      ? `begins again on ${before.host}`
      : `moves from ${before.host} to ${context.me.host}`;
  const sentence = `${container.name} ${what} at epoch ${owner.epoch}: ${because}`;
  context.env.log.event({ kind: "failover", container: container.name, sentence });
  if (!holds(subject.local, owner.gen)) return sentence;
  const view = await freshView(context).catch(() => null);
  return (view && (await beginAtOnce(context, view, subject))) ?? sentence;
}

/** A new life on this host under a new epoch. The old one is closed to the network before the epoch rises. */
export async function beginAgain(
  context: Context,
  subject: Subject,
  { cold, because }: { cold: boolean; because: string },
): Promise<string> {
  const { container, local } = subject;
  const { env, me } = context;
  await env.gate.leave(realMac(me.group, container.name));
  local.joined = false;
  enter(context, container.name, local, "RESTORING");
  const owner = container.owner!.value;
  // A changed specification, and an operator's word, begin with a clean slate.
  const anew = owner.specDigest !== specDigest(container.spec!.value) || owner.failoverTo === me.host;
  const tries = anew ? 0 : triesSoFar(container, local, env.clock.now()) + 1;
  const txn = beginAgainTxn(me, container, { cold, tries, at: env.clock.wall(), reason: because });
  const recovers = local.state === "exited" && !cold;
  if (!recovers) {
    // safety: before the epoch rises. A lease process that is started again may open the gate once more, as long as the
    // record says what it said.
    await env.runtime.kill(container.name);
    if (local.state !== "absent") local.state = "exited";
  }
  const recorded = settle(env, txn, context.signal);
  local.unhealthy = null;
  local.runningSince = null;
  const recovery = recovers ? recover(context, subject, { recorded }) : null;
  const { committed } = await recorded.catch(async (error: Error) => {
    // What goes on in the engine after the session's end would meet what the next one removes.
    await recovery?.catch(() => {});
    throw error;
  });
  context.wake();
  if (committed) {
    const from = cold ? "cold" : "from its last generation";
    const sentence = `${container.name} begins again on ${me.host} ${from} at epoch ${owner.epoch + 1}: ${because}`;
    env.log.event({ kind: cold ? "restart" : "restore", container: container.name, sentence });
    const given = cold ? usableGeneration(container) : null;
    if (given) {
      const { epoch, gen, at } = given;
      const sentence = `${container.name} GIVES UP ITS MEMORY as soon as it serves: generation ${epoch}-${gen} of ${at} is not restored any more: ${because}`;
      env.log.event({ kind: "memory-given-up", container: container.name, sentence });
    }
  }
  await recovery;
  if (!committed) return `${container.name}: its records changed, decides again`;
  const begun = await beginAtOnce(context, context.view, subject);
  return begun ?? `${container.name} begins again: ${because}`;
}

/** What is restored and held already is let go without another cycle, if the new record is in `view`. */
async function beginAtOnce(
  context: Context,
  view: GroupView,
  { container: before, local }: Subject,
): Promise<string | null> {
  const container = view.containers.get(before.name);
  const owner = container?.owner?.value;
  const isMine = owner?.host === context.me.host && owner.sid === context.me.sid;
  if (!container || !isMine || owner.phase !== "RESTORING" || !holds(local, owner.gen)) return null;
  return begin(context, { container, local });
}

/** It runs stably: what failed before does not count any more, here or elsewhere. */
export async function forgetTries(context: Context, { container }: Subject): Promise<string> {
  const { phase, reason, since } = container.owner!.value;
  const txn = phaseWrites(context.me, container, { phase, reason, tries: 0, triedHosts: [] }, since);
  const compares = [...txn.compares, ...sessionCompares(context.me)];
  await settle(context.env, { ...txn, compares }, context.signal);
  return `${container.name}: its earlier failures are forgotten`;
}

export async function assignStandbys(
  context: Context,
  { container, local }: Subject,
  hosts: string[],
): Promise<string> {
  await settle(context.env, standbysTxn(context.me, container, hosts), context.signal);
  // What others did not take says nothing of these, and what came about nowhere is due.
  const last = local.lastCheckpoint;
  local.lastCheckpoint = last?.ok ? { ...last, failures: 0 } : null;
  const sentence =
    hosts.length > 0
      ? `${container.name}: its standbys are ${hosts.join(", ")}`
      : `${container.name} has no standby`;
  context.env.log.event({ kind: "standbys", container: container.name, sentence });
  return sentence;
}

/** A copy that no record allows here: closed, killed, removed. Generation files stay. */
export async function evict(
  context: Context,
  { container, local }: Subject,
  because: string,
): Promise<string> {
  const { env, me } = context;
  const mac = realMac(me.group, container.name);
  const ran = ["running", "traced", "frozen"].includes(local.state);
  enter(context, container.name, local, "FENCED");
  await env.gate.leave(mac);
  local.joined = false;
  await env.runtime.kill(container.name);
  if (container.spec) await env.runtime.withdraw({ spec: container.spec.value, mac });
  await env.runtime.remove(container.name);
  forgetCopy(local);
  enter(context, container.name, local, "ABSENT");
  const sentence = `${container.name}: the copy on ${me.host} is removed: ${because}`;
  if (ran) env.log.event({ kind: "evict", container: container.name, sentence });
  return sentence;
}

export async function remove(context: Context, subject: Subject, because: string): Promise<string> {
  await evict(context, subject, because);
  await context.env.disk.forget(subject.container.name);
  context.stored.delete(subject.container.name);
  return `${subject.container.name} is removed from ${context.me.host}: ${because}`;
}

export async function forget(context: Context, { container }: Subject): Promise<string> {
  const owner = container.owner?.value;
  const fence =
    owner && owner.host !== context.me.host
      ? (context.view.hosts.get(owner.host)?.fences.get(owner.sid) ?? null)
      : null;
  await context.env.disk.forget(container.name);
  await settle(context.env, forgetTxn(context.me, container, fence), context.signal);
  return `${container.name}: its records are removed`;
}
