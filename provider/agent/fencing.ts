import type { Context } from "./context";
import { decide } from "./decide";
import { mayFenceForSilence } from "./failover-policy";
import { decideInput, isLiveMember } from "./input";
import { mayFence } from "./observe";
import { sessionHolds } from "./view";

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
    const containers = [...context.view.containers.values()].filter(
      (container) => container.owner?.value.host === target.name && container.owner.value.sid === sid,
    );
    const wanted = containers.find((container) =>
      container.spec ? wouldTake(context, container.name, target.name) : isFirstLive(context),
    );
    if (!wanted) return [];
    const age = Math.round(now - context.observations.hosts.get(target.name)!.seenAt);
    return [
      {
        host: target.name,
        because: `its heartbeat key has not changed for ${age} ms and ${wanted.name} needs a host`,
      },
    ];
  });
}

/** Whether this host would take the container over if the fence stood, counting its turn from the end of W. */
function wouldTake(context: Context, container: string, owner: string): boolean {
  const input = decideInput(context, context.view.containers.get(container)!);
  const seen = context.observations.hosts.get(owner)!;
  const assumed = { seenAt: seen.seenAt + context.policy.timing.fenceMs, waitMs: 0 };
  return decide({ ...input, fence: assumed }).do === "take-over";
}

function isFirstLive(context: Context): boolean {
  const live = context.policy.hosts.filter(
    (host) => host.role === "member" && isLiveMember(context, host.name),
  );
  return live[0]?.name === context.me.host;
}
