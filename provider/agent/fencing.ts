import type { Context } from "./context";
import { decide } from "./decide";
import { mayFenceForSilence } from "./failover-policy";
import { decideInput, isLiveMember } from "./input";
import { mayFence } from "./observe";
import { isBound } from "./promises";
import { type ContainerView, sessionHolds } from "./view";

/**
 * Hosts whose session is to be fenced now (F, safety.md 1.4): their heartbeat key has not changed for W, and this host
 * is the one that would take over a container of theirs. A slow owner with nowhere to go is never fenced.
 */
export function whomToFence(context: Context): { host: string; because: string }[] {
  const now = context.env.clock.now();
  const { timing } = context.policy;
  if (!mayFenceForSilence(context.policy)) return [];
  return [...context.view.hosts.values()].flatMap((target) => {
    const sid = target.session?.value.sid;
    if (context.clockAlarms.has(target.name)) return [];
    if (!sid || target.name === context.me.host || !sessionHolds(context.view, target.name, sid)) return [];
    if (!mayFence(context.observations, target.name, timing, now)) return [];
    if (isBound(context, target.name, sid)) return [];
    const wanted = takerOf(context, target.name, { sid, turnMs: timing.fenceMs });
    if (!wanted) return [];
    const age = Math.round(now - context.observations.hosts.get(target.name)!.seenAt);
    return [
      {
        host: target.name,
        because: `its heartbeat key has not changed for ${age} ms and ${wanted} needs a host`,
      },
    ];
  });
}

/**
 * A container of that session that this host would take over if a fence stood; null: none. Its turn among the
 * candidates is counted from `turnMs` after the last change of the owner's heartbeat key.
 */
export function takerOf(
  context: Context,
  owner: string,
  { sid, turnMs }: { sid: string; turnMs: number },
): string | null {
  const containers = [...context.view.containers.values()].filter(
    (container) => container.owner?.value.host === owner && container.owner.value.sid === sid,
  );
  const wanted = containers.find((container) =>
    container.spec ? wouldTake(context, container, { owner, turnMs }) : isFirstLive(context),
  );
  return wanted?.name ?? null;
}

function wouldTake(
  context: Context,
  container: ContainerView,
  { owner, turnMs }: { owner: string; turnMs: number },
): boolean {
  const input = decideInput(context, container);
  const seen = context.observations.hosts.get(owner)!;
  const assumed = { seenAt: seen.seenAt + turnMs, waitMs: 0 };
  const decision = decide({ ...input, fence: assumed });
  return decision.do === "take-over" || (decision.do === "fetch" && decision.thenTake === true);
}

function isFirstLive(context: Context): boolean {
  const live = context.policy.hosts.filter(
    (host) => host.role === "member" && isLiveMember(context, host.name),
  );
  return live[0]?.name === context.me.host;
}
