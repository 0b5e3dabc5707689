import { parkedMac, probeShim, realMac, shimMac } from "../contract";
import type { Context } from "./context";

export interface GateConfig {
  protected: string[];
  here: string[];
  probe: string[];
  leaseMs: number;
  intervalMs: number;
  failsafe?: true;
}

/**
 * What the gate has to know: every MAC that any copy of any container may have on any host, closed unless opened; and
 * those that are on this host now (gate-mac: a source is checked only for them).
 */
export function gateConfig(context: Context): GateConfig {
  const { group, host } = context.me;
  const members = context.policy.hosts.filter((member) => member.role === "member");
  const names = new Set([...context.view.containers.keys(), ...context.locals.keys()]);
  const all = [...names].flatMap((name) => [
    realMac(group, name),
    ...members.map((member) => parkedMac(group, name, member.name)),
  ]);
  const here = [...context.locals].flatMap(([name, local]) =>
    local.mac === "real"
      ? [realMac(group, name)]
      : local.mac === "parked"
        ? [parkedMac(group, name, host)]
        : [],
  );
  return {
    protected: all.sort(),
    here: here.sort(),
    probe: [shimMac(group, host, probeShim)],
    leaseMs: context.policy.timing.leaseMs,
    intervalMs: context.policy.timing.intervalMs,
    ...(context.policy.onQuorumLoss === "failsafe" ? { failsafe: true as const } : {}),
  };
}

/** Returns a function that brings the gate up to date; it is called before any copy is created or changes its MAC. */
export function createGateKeeper(context: Context): () => Promise<void> {
  let sent = "";
  let last = 0;
  return async () => {
    const config = gateConfig(context);
    const text = JSON.stringify(config);
    if (text === sent) return;
    // Until it is known to be there, nothing counts as told: what another caller needs may be what this one changes.
    sent = "";
    last += 1;
    const mine = last;
    await context.env.gate.configure(config);
    if (mine === last) sent = text;
  };
}
