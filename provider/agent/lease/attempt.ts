import { askBeside } from "./failsafe";
import { flip } from "./flip";
import { type ActiveSet, judgeTxn, planRenewal, type RenewalPlan, renewalTxn } from "./renewal";
import {
  endSession,
  type Flight,
  isDue,
  joining,
  type LeaseContext,
  lapse,
  notSent,
  type PendingJoin,
  type Session,
} from "./state";

/**
 * renewed   acknowledged, and the gate looks into the set that was armed for it
 * refused   the join's compares failed: the session is judged by a renewal without it, at once
 * again     another renewal is wanted at once: a longer lease was announced and can be armed now, or the acknowledgement
 *           came too late to open anything
 * promised  no reply of the store, but every host that could take over promised not to
 * unknown   no reply; `cause` says why
 * gate      the kernel did not do what it was told; `cause` says why
 * over      the session was lost, or replaced by another
 */
export type AttemptResult =
  | { result: "renewed" | "refused" | "again" | "over" }
  | { result: "promised" | "unknown" | "gate"; cause: string };

/**
 * One renewal (safety.md 1.2): arm the idle set, send, and flip to it on the acknowledgement of this same attempt.
 * The active set is never touched, so that whatever goes wrong here, the kernel closes the gate in time.
 */
export async function attempt(
  context: LeaseContext,
  session: Session & { anchor: number },
  join: PendingJoin | null,
): Promise<AttemptResult> {
  const { state, env } = context;
  const flight: Flight = { macs: new Set([...state.members, ...(join?.macs ?? [])]), join };
  let armedAt: number;
  let plan: RenewalPlan;
  state.flight = flight;
  try {
    const active = state.active ?? (await closeUnknown(context));
    plan = planRenewal({
      active,
      announcedMs: session.announcedMs,
      leaseMs: Math.max(state.timing.leaseMs, state.holdMs),
    });
    armedAt = env.clock.now();
    await env.kernel.arm(plan.slot, [...flight.macs], plan.armMs);
  } catch (error) {
    state.flight = null;
    join?.settle(notSent("its MAC could not be armed"));
    return { result: "gate", cause: (error as Error).message };
  }
  if (state.session !== session) {
    state.flight = null;
    join?.settle(notSent("the session ended"));
    return { result: "over" };
  }
  state.n += 1;
  const txn = renewalTxn({ keys: state.keys, host: state.host, session, n: state.n, plan, join });
  session.announcedMs = Math.min(session.announcedMs, plan.heartbeatMs);
  // Until its reply is here, the revision that an announcement gives the session record is not known.
  if (plan.announcing) (session as Session).anchor = null;
  const beside = askBeside(context, { session, plan, armedAt, flight });
  try {
    const outcome = await env.store.txn(txn);
    (session as Session).strained = outcome.result === "unknown";
    if (outcome.result === "unknown") {
      const { promised, failure } = await beside.verdict();
      if (promised && state.session === session)
        return failure ? { result: "gate", cause: failure } : { result: "promised", cause: outcome.cause };
    }
    await beside.end();
    if (state.session !== session) {
      join?.settle(outcome);
      return { result: "over" };
    }
    switch (outcome.result) {
      case "committed":
        if (plan.announcing) {
          session.anchor = outcome.revision;
          session.announcedMs = plan.heartbeatMs;
        }
        return await acknowledge(context, { session, plan, armedAt, flight, revision: outcome.revision });
      case "refused":
        if (!join) return await judge(context, session);
        (session as Session).doubted = true;
        join.settle(outcome);
        return { result: "refused" };
      case "unknown":
        join?.settle(outcome);
        return { result: "unknown", cause: outcome.cause };
    }
  } catch (error) {
    join?.fail(error as Error);
    return { result: "unknown", cause: (error as Error).message };
  } finally {
    await beside.end();
    state.flight = null;
  }
}

/** Which set is active is not known: with nothing open, either may be armed. */
async function closeUnknown({ state, env }: LeaseContext): Promise<ActiveSet> {
  await env.kernel.closeAll();
  state.open.clear();
  state.active = { slot: "b", leaseMs: 0 };
  return state.active;
}

async function acknowledge(
  context: LeaseContext,
  o: {
    session: Session;
    plan: RenewalPlan;
    armedAt: number;
    flight: Flight;
    revision: number;
  },
): Promise<AttemptResult> {
  const { state, env, emit } = context;
  const { session, plan, flight } = o;
  const now = env.clock.now();
  // The acknowledgement may be read long after the timers ran out, before the watch on the lease had its turn.
  if (isDue(session, now)) lapse(context, session);
  if (now >= o.armedAt + plan.armMs) {
    // So late that what was armed for it has run out as well: the next renewal tells.
    for (const mac of joining(flight)) state.members.add(mac);
    flight.join?.settle({ result: "committed", revision: o.revision });
    return { result: "again" };
  }
  const back = session.lapsed || (session.continued && !session.acknowledged);
  session.renewedAt = o.armedAt;
  session.heldMs = plan.armMs;
  session.lapsed = false;
  session.acknowledged = true;
  session.doubted = false;

  const failure = await flip(context, { plan, flight });
  if (state.session === session) for (const mac of joining(flight)) state.members.add(mac);
  if (back && state.session === session) emit({ type: "renewed", sid: session.sid });
  flight.join?.settle({ result: "committed", revision: o.revision });
  if (failure !== null) return { result: "gate", cause: failure };
  return { result: plan.announcing ? "again" : "renewed" };
}

/**
 * A renewal without additions was refused: the session is not ours any more, or was announced anew by a renewal whose
 * reply was lost. Closed at once, in doubt for the one round trip that tells which.
 */
async function judge(context: LeaseContext, session: Session): Promise<AttemptResult> {
  const { state, env, emit } = context;
  state.open.clear();
  state.active = null;
  const closed = env.kernel.closeAll();
  closed.catch(() => {});
  const verdict = await env.store.txn(judgeTxn({ keys: state.keys, host: state.host, session }));
  await closed.catch(() => {});
  if (state.session !== session) return { result: "over" };
  session.anchor = null;
  if (verdict.result === "unknown") {
    session.doubted = true;
    return { result: "unknown", cause: verdict.cause };
  }
  if (verdict.result === "committed")
    return { result: "unknown", cause: "the session record was announced anew" };
  endSession(state);
  emit({ type: "lost", sid: session.sid });
  env.log.warn(`Session ${session.sid} was fenced or replaced: the gate is closed and renewals have ended.`);
  return { result: "over" };
}
