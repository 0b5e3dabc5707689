import type { Fencing, GroupHost } from "../contract";
import type { Context } from "./context";
import { takerOf } from "./fencing";
import { isLiveMember } from "./input";
import { isBound } from "./promises";
import { sessionHolds } from "./view";

/** A host that this one alone is to switch off now. */
export interface Shot {
  host: string;
  sid: string;
  /** Revision of its heartbeat key, which must not change any more. */
  rev: number;
  because: string;
}

/**
 * Hosts that the fencing command is to be run against by this one (safety.md 1.9): their heartbeat key has been stale
 * for the lease that they announced, and this host is the one that would take a container of theirs. Lost datagrams
 * lead to nothing here, and of two hosts that are cut off from each other only one can write the intent.
 */
export function whomToSwitchOff(context: Context): Shot[] {
  const { me, view, observations, policy } = context;
  if (!policy.fencing || policy.failover === "manual") return [];
  const now = context.env.clock.now();
  return [...view.hosts.values()].flatMap((target) => {
    const sid = target.session?.value.sid;
    const seen = observations.hosts.get(target.name);
    if (!sid || !seen || target.name === me.host || !sessionHolds(view, target.name, sid)) return [];
    if (now - seen.seenAt < seen.leaseMs || isBound(context, target.name, sid)) return [];
    const intent = target.intents.get(sid)?.value;
    const mine = intent?.by === me.host && intent.sid === me.sid;
    if (intent && !mine && sessionHolds(view, intent.by, intent.sid) && isLiveMember(context, intent.by))
      return [];
    const container = takerOf(context, target.name, { sid, turnMs: seen.leaseMs });
    if (!container) return [];
    const age = Math.round(now - seen.seenAt);
    const because = `its heartbeat key has not changed for ${age} ms and ${container} needs a host`;
    return [{ host: target.name, sid, rev: seen.rev, because }];
  });
}

/** The command for one host; nothing of it passes through a shell. */
export function fencingCommand({ command }: Fencing, { name, address }: GroupHost): string[] {
  return command.map((word) => word.replaceAll("{host}", name).replaceAll("{address}", address));
}
