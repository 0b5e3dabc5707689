import { fenceAfterMs, type PromiseRequest } from "../contract";
import type { Context } from "./context";
import { Refusal } from "./control/support";
import { sessionHolds } from "./view";

/**
 * What this process promised to hosts that had no quorum (safety.md 1.7). Kept whatever the store says meanwhile; lost at
 * a restart, which is why the time of the start counts like a promise to everybody.
 */
export interface Promises {
  startedAt: number;
  /** Until when, by session. */
  until: Map<string, number>;
  /** Hosts that a fence by an operator or the fencing command is under way against. */
  ending: Set<string>;
  /** Hosts that a fence was sent for which was not refused, and the heartbeat's revision that it left them with. */
  unsettled: Map<string, number>;
}

export function createPromises(startedAt: number): Promises {
  return { startedAt, until: new Map(), ending: new Set(), unsettled: new Map() };
}

/** Promises neither to end that session nor to take what it owns, or throws with why not. Returns for how long, ms. */
export function promise(context: Context, { host, sid, leaseMs }: PromiseRequest): { forMs: number } {
  const why = whyNot(context, host, sid);
  if (why !== null) throw new Refusal("refused", `no promise to ${host}: ${why}`);
  const forMs = fenceAfterMs(context.policy.timing, leaseMs);
  const { until } = context.promises;
  const key = keyOf(host, sid);
  until.set(key, Math.max(until.get(key) ?? 0, context.env.clock.now() + forMs));
  return { forMs };
}

function whyNot(context: Context, host: string, sid: string): string | null {
  const { view, observations, policy, locals, promises } = context;
  // safety: what an earlier process of this agent sent may have committed after a read from the past.
  if (!context.firm) return "it has just begun";
  // safety: who takes over has read the tombstone, and none is ever removed.
  if (!sessionHolds(view, host, sid)) return "its session has ended";
  if (context.clockAlarms.has(host)) return "their clocks run too differently";
  if (promises.ending.has(host)) return "it is switching it off or fencing it";
  const seen = observations.hosts.get(host);
  if (!seen) return "it has never seen it renew";
  // safety: a fence without a reply may still commit, as long as the heartbeat is the one that it compares.
  if (promises.unsettled.get(host) === seen.rev) return "it has sent a fence, which may still commit";
  const taking = [...view.containers.values()].some(
    ({ name, owner }) =>
      owner?.value.host === host && owner.value.sid === sid && locals.get(name)?.busy === "take-over",
  );
  if (taking) return "it is taking over from it";
  // Whoever is alone without the store is replaced, as ever.
  const silentMs = (observations.lastGoodRead ?? seen.seenAt) - seen.seenAt;
  if (silentMs >= policy.timing.fenceMs / 2) return "the store answers here, and shows no renewal";
  return null;
}

/**
 * Whether this host must not end the session, nor take what it owns: it promised that, or may have before its restart;
 * or it is not on the owner's list, so that it would not be asked.
 */
export function isBound(context: Context, host: string, sid: string): boolean {
  if (hasPromised(context, host, sid)) return true;
  const lists =
    host === context.me.host || isProvedOff(context, host, sid) ? [] : listsOf(context, host, sid);
  return lists.some((members) => !members.includes(context.me.host));
}

/** Whether a promise to that session runs, or may run that an earlier process of this agent gave. */
export function hasPromised(context: Context, host: string, sid: string): boolean {
  const now = context.env.clock.now();
  if (now < (context.promises.until.get(keyOf(host, sid)) ?? 0)) return true;
  // Where nobody is listed, nobody was asked.
  if (host === context.me.host || isProvedOff(context, host, sid)) return false;
  if (listsOf(context, host, sid).length === 0) return false;
  const leaseMs = context.observations.hosts.get(host)?.leaseMs ?? 0;
  return now - context.promises.startedAt < fenceAfterMs(context.policy.timing, leaseMs);
}

function listsOf({ view }: Context, host: string, sid: string): string[][] {
  return [...view.containers.values()].flatMap(({ owner, failsafe }) =>
    failsafe && owner?.value.host === host && owner.value.sid === sid ? [failsafe.value.members] : [],
  );
}

/** Nothing of that session can run, whoever was asked for what. */
function isProvedOff({ view }: Context, host: string, sid: string): boolean {
  const fence = view.hosts.get(host)?.fences.get(sid)?.value;
  return fence?.method === "reboot" || fence?.method === "stonith" || fence?.confirmedOff === true;
}

function keyOf(host: string, sid: string): string {
  return `${host}/${sid}`;
}
