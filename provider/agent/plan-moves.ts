import { type PlacedContainer, type PlacementInput, place } from "../contract";

export interface MovePlan {
  moves: { name: string; to: string }[];
  /** Containers that no other host can take, and why. */
  stuck: { name: string; because: string }[];
}

/**
 * Where each container of `from` goes when that host is emptied: one after the other, so that each sees where those
 * before it went. `fits`: whether a host has room for a container.
 */
export function planDrain(
  input: PlacementInput,
  { from, names, fits }: { from: string; names: string[]; fits(name: string, host: string): boolean },
): MovePlan {
  const plan: MovePlan = { moves: [], stuck: [] };
  let containers = input.containers;
  for (const name of names) {
    const subject = containers.find((container) => container.name === name)!;
    const hosts = input.hosts.filter((host) => host.name !== from);
    const placement = place(subject, { ...input, hosts, containers });
    const to = placement.ok ? placement.candidates.find((host) => fits(name, host)) : undefined;
    if (to === undefined) {
      const because = placement.ok ? `no host has room for ${name}` : placement.reason;
      plan.stuck.push({ name, because });
      continue;
    }
    plan.moves.push({ name, to });
    containers = containers.map((other) => (other.name === name ? { ...other, host: to } : other));
  }
  return plan;
}

/**
 * Why a container must not stay where it runs: its host is in maintenance, or a required rule is broken. Of containers
 * that break a rule together only the one with the later name has to go, so that they do not evade each other for ever.
 */
export function whyMisplaced(subject: PlacedContainer, input: PlacementInput): string | null {
  const host = input.hosts.find((one) => one.name === subject.host);
  if (!host) return null;
  if (host.maintenance) return `${host.name} is in maintenance`;
  const earlier = input.containers.filter((other) => other.name < subject.name);
  const placement = place(subject, { ...input, hosts: [host], containers: earlier });
  return placement.ok ? null : `a required rule keeps it from there (${placement.reason})`;
}

/** Where a container that must not stay goes; null: no host may take it. Hosts that keep a standby copy come first. */
export function whereTo(
  subject: PlacedContainer,
  input: PlacementInput,
  { standbys, fits }: { standbys: string[]; fits(host: string): boolean },
): string | null {
  const hosts = input.hosts.filter((host) => host.name !== subject.host);
  const earlier = input.containers.filter((other) => other.name < subject.name);
  for (const containers of [input.containers, earlier]) {
    const placement = place(subject, { ...input, hosts, containers });
    const able = placement.ok ? placement.candidates.filter(fits) : [];
    const best = able[0] === subject.preferredHost ? able[0] : able.find((host) => standbys.includes(host));
    if (able.length > 0) return best ?? able[0]!;
  }
  return null;
}
