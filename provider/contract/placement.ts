import type { GroupHost } from "./group-config";
import type { Rule } from "./records";

/** What placement knows of a container. */
export interface PlacedContainer {
  name: string;
  labels: Record<string, string>;
  preferredHost?: string;
  /** Where it runs now; null: nowhere yet. */
  host: string | null;
}

export interface PlacementInput {
  /** Members that may take containers now. */
  hosts: GroupHost[];
  rules: Rule[];
  /** All containers of the group, with where they run now. */
  containers: PlacedContainer[];
}

export type Placement = { ok: true; candidates: string[] } | { ok: false; reason: string };

/**
 * The hosts that may run `subject`, the best first: hosts that break a required rule are left out, then fewest broken
 * preferred rules, the preferred host, fewest containers, name. Says which rule leaves nothing.
 */
export function place(subject: PlacedContainer, input: PlacementInput): Placement {
  const others = input.containers.filter((other) => other.name !== subject.name && other.host !== null);
  const load = (host: string) => others.filter((other) => other.host === host).length;
  const scored = input.hosts
    .filter((host) => host.role === "member" && !host.maintenance)
    .map((host) => ({ host, broken: brokenRules(subject, host, { ...input, containers: others }) }));
  const allowed = scored.filter(({ broken }) => !broken.some((rule) => rule.required));
  if (allowed.length === 0) return { ok: false, reason: refusal(subject, scored) };
  const ranked = allowed.map(({ host: { name }, broken }) => ({
    name,
    rank: [broken.length, name === subject.preferredHost ? 0 : 1, load(name)],
  }));
  const candidates = ranked.sort((a, b) => compare(a.rank, b.rank) || (a.name < b.name ? -1 : 1));
  return { ok: true, candidates: candidates.map(({ name }) => name) };
}

/** Whether the rule holds for the containers that run now, with a sentence that says why. */
export function ruleHolds(rule: Rule, input: PlacementInput): { met: boolean; sentence: string } {
  const concerned = input.containers.filter(
    (container) => concerns(rule, container) && container.host !== null,
  );
  const domains = concerned.map((container) => domainOf(rule, hostNamed(input.hosts, container.host!)));
  const distinct = new Set(domains).size;
  const names = concerned.map((container) => `${container.name} on ${container.host}`).join(", ");
  const met = rule.kind === "anti-affinity" ? distinct === domains.length : distinct <= 1;
  const relation = rule.kind === "anti-affinity" ? "apart" : "together";
  return {
    met,
    sentence: `${met ? "met" : "broken"}: keeps ${relation} by ${rule.topologyKey}: ${names || "nothing runs"}`,
  };
}

/** Whether a required anti-affinity rule has as many domains as containers: what can be known before anything runs. */
export function ruleCanBeMet(
  rule: Rule,
  containers: number,
  hosts: GroupHost[],
): { ok: true } | { ok: false; reason: string } {
  const members = hosts.filter((host) => host.role === "member");
  const domains = new Set(members.map((host) => domainOf(rule, host)).filter((domain) => domain !== null));
  if (!rule.required || rule.kind === "affinity" || containers <= domains.size) return { ok: true };
  return {
    ok: false,
    reason: `rule ${rule.name} keeps ${containers} containers apart by ${rule.topologyKey}, but the group's members have only ${domains.size} different values of it`,
  };
}

export function concerns(rule: Rule, container: { name: string; labels: Record<string, string> }): boolean {
  if (rule.containers.includes(container.name)) return true;
  const wanted = Object.entries(rule.matchLabels);
  return wanted.length > 0 && wanted.every(([label, value]) => container.labels[label] === value);
}

function brokenRules(subject: PlacedContainer, host: GroupHost, input: PlacementInput): Rule[] {
  return input.rules.filter((rule) => {
    if (!concerns(rule, subject)) return false;
    const domain = domainOf(rule, host);
    if (domain === null) return true;
    const peers = input.containers.filter((other) => concerns(rule, other));
    const shares = (other: PlacedContainer) => domainOf(rule, hostNamed(input.hosts, other.host!)) === domain;
    return rule.kind === "anti-affinity" ? peers.some(shares) : peers.length > 0 && !peers.every(shares);
  });
}

/** The host's value of the topology key; null: it has none. */
function domainOf(rule: Rule, host: GroupHost | undefined): string | null {
  if (!host) return null;
  return rule.topologyKey === "host" ? host.name : (host.labels[rule.topologyKey] ?? null);
}

function hostNamed(hosts: GroupHost[], name: string): GroupHost | undefined {
  return hosts.find((host) => host.name === name);
}

function compare(a: number[], b: number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

function refusal(subject: PlacedContainer, scored: { host: GroupHost; broken: Rule[] }[]): string {
  if (scored.length === 0) return `no live member can take ${subject.name}`;
  const reasons = scored.map(
    ({ host, broken }) =>
      `${host.name} breaks ${broken
        .filter((rule) => rule.required)
        .map((rule) => rule.name)
        .join(", ")}`,
  );
  return `no host can take ${subject.name}: ${reasons.join("; ")}`;
}
