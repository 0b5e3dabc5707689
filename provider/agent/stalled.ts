import type { HostInfo, StalledPhase } from "../contract";
import { type Context, type Local, localOf } from "./context";
import { heartbeatAge } from "./observe";
import type { ContainerView } from "./view";

/** Why a container that is RUNNING by its record does not execute, and since when. */
export type Stalled = HostInfo["stalled"][string];

/** The same of a copy on this host; null: it executes, or is not meant to. */
export function stalledHere({ standing, state, stalledSince }: Local): Stalled | null {
  const phase = standing === "LAPSED" ? "LAPSED" : standing === "HANDOVER" ? null : phaseOf(state);
  return phase === null || stalledSince === null ? null : { phase, since: stalledSince };
}

function phaseOf(state: Local["state"]): StalledPhase | null {
  return state === "held" ? "HELD" : state === "frozen" ? "FROZEN" : state === "traced" ? "TRACED" : null;
}

/**
 * The same as this host knows it of a container, wherever it runs. An owner whose key stays as it is for longer than its
 * lease is cut off by its own kernel, and can tell nobody.
 */
export function stalledAnywhere(context: Context, { name, owner }: ContainerView): Stalled | null {
  if (owner?.value.phase !== "RUNNING") return null;
  const { host } = owner.value;
  if (host === context.me.host) return stalledHere(localOf(context, name));
  const { observations, view, env } = context;
  const age = heartbeatAge(observations, host, env.clock.now());
  const leaseMs = observations.hosts.get(host)?.leaseMs;
  if (age !== null && leaseMs !== undefined && age > leaseMs)
    return { phase: "LAPSED", since: new Date(Date.parse(env.clock.wall()) - age + leaseMs).toISOString() };
  return view.hosts.get(host)?.info?.stalled[name] ?? null;
}
