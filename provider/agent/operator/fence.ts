import { type Fence, fenceAfterMs, keysOf } from "../../contract";
import { type Context, count } from "../context";
import { freshView, Refusal } from "../control/support";
import type { Txn } from "../env";
import { isLiveMember } from "../input";
import { heartbeatAge } from "../observe";
import { sessionCompares } from "../ownership";
import { hasPromised } from "../promises";
import { settle } from "../settle";
import type { GroupView, HostView } from "../view";

export interface FenceRequest {
  host: string;
  confirmedOff: boolean;
  dryRun: boolean;
}

/** Ends the session of a host because an operator says so; others take its containers (safety.md 1.4). */
export async function fenceByOperator(context: Context, request: FenceRequest): Promise<unknown> {
  const view = await freshView(context);
  const target = refuseWrong(context, view, request);
  const session = target.session!;
  const containers = containersOf(view, request.host, session.value.sid);
  const result = {
    host: request.host,
    sid: session.value.sid,
    confirmedOff: request.confirmedOff,
    containers,
  };
  if (target.fences.has(session.value.sid)) {
    const will = `${request.host} is fenced already, so nothing changes.`;
    return request.dryRun ? { will } : result;
  }
  if (request.dryRun) return { will: whatItDoes(context, request, containers) };
  const keys = keysOf(context.me.group);
  const fence: Fence = {
    by: `an operator on ${context.me.host}`,
    method: "operator",
    at: context.env.clock.wall(),
    ...(request.confirmedOff ? { confirmedOff: true } : {}),
  };
  const { committed } = await ending(context, request.host, {
    compares: [
      // An announcement of a longer lease rewrites the same text.
      { key: keys.session(request.host), value: session.text },
      { key: keys.fence(request.host, session.value.sid), modRevision: 0 },
      // safety: who renews is not off.
      ...(request.confirmedOff
        ? [{ key: keys.heartbeat(request.host), modRevision: target.heartbeat?.rev ?? 0 }]
        : []),
      ...sessionCompares(context.me),
    ],
    writes: [{ put: keys.fence(request.host, session.value.sid), value: JSON.stringify(fence) }],
  });
  if (!committed)
    throw new Refusal("conflict", `${request.host} changed meanwhile; look at it and try again`);
  context.promises.unsettled.set(request.host, target.heartbeat?.rev ?? 0);
  count(context, "fences_total");
  const off = request.confirmedOff ? ", who has seen that it is off" : "";
  context.env.log.event({ kind: "fence", sentence: `${request.host} is fenced by an operator${off}` });
  context.wake();
  return result;
}

/** No promise is given to the host meanwhile. */
async function ending(context: Context, host: string, txn: Txn): Promise<{ committed: boolean }> {
  const isFirst = !context.promises.ending.has(host);
  context.promises.ending.add(host);
  try {
    return await settle(context.env, txn, context.signal);
  } finally {
    if (isFirst) context.promises.ending.delete(host);
  }
}

function refuseWrong(context: Context, view: GroupView, { host, confirmedOff }: FenceRequest): HostView {
  const { policy, me } = context;
  const known = policy.hosts.find((one) => one.name === host);
  if (!known) throw new Refusal("not-found", `host ${host} is not in group ${me.group}`);
  if (known.role === "witness")
    throw new Refusal("refused", `${host} is a witness: it owns nothing that a fence could free`);
  const target = view.hosts.get(host);
  if (!target?.session)
    throw new Refusal("refused", `${host} has never been a live member of the group: it owns nothing`);
  const others = policy.hosts.filter(
    (one) => one.role === "member" && one.name !== host && isLiveMember(context, one.name),
  );
  if (others.length === 0)
    throw new Refusal(
      "refused",
      `${host} is the last live host: no other could take its containers, so a fence would only stop them`,
    );
  if (!target.fences.has(target.session.value.sid) && hasPromised(context, host, target.session.value.sid))
    throw new Refusal(
      "refused",
      `${me.host} must not end the session of ${host} just now: without a quorum it was promised that it keeps its containers for as long as its lease may last; try again in some seconds, or on another host`,
    );
  if (confirmedOff && !target.fences.has(target.session.value.sid)) refuseAlive(context, host);
  return target;
}

function refuseAlive(context: Context, host: string): void {
  const seen = context.observations.hosts.get(host);
  const age = heartbeatAge(context.observations, host, context.env.clock.now());
  if (seen && age !== null && age >= seen.leaseMs) return;
  throw new Refusal(
    "refused",
    `${host} was seen to renew its lease ${Math.round(age ?? 0)} ms ago, so it is not off: leave --confirmed-off out, and hosts that take its containers wait until its lease has ended`,
  );
}

function containersOf(view: GroupView, host: string, sid: string): string[] {
  return [...view.containers.values()]
    .filter(({ spec, owner }) => spec && owner?.value.host === host && owner.value.sid === sid)
    .map(({ name }) => name);
}

function whatItDoes(context: Context, { host, confirmedOff }: FenceRequest, containers: string[]): string {
  const leaseMs = context.observations.hosts.get(host)?.leaseMs ?? 0;
  const wait = confirmedOff
    ? `at once, because you say that it is off: if it is not, two hosts answer for the same container`
    : `after ${fenceAfterMs(context.policy.timing, leaseMs)} ms, as it may be alive`;
  const taken =
    containers.length > 0
      ? `Other hosts take ${containers.join(", ")} from the last generations ${wait}; what was done since those is lost.`
      : "It owns no container.";
  return `This ends the session of ${host}: it removes what it still runs and comes back with a new session. ${taken}`;
}
