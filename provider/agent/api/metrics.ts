import type { ContainerStatus, GroupStatus, HostStatus } from "../../contract";
import { type Counter, type Counters, counterHelp } from "../counters";

/**
 * The group as this host sees it and this agent's own counters,
 * in Prometheus' text format. A value that is not known is left out.
 */
export function metricsText(status: GroupStatus, counters: Counters): string {
  const families: Family[] = [
    gauge("up", "1 while the agent answers.", [{ labels: { host: status.host }, value: 1 }]),
    gauge("quorum", "Whether the store answered this host within its deadline.", [
      { labels: {}, value: Number(status.quorum) },
    ]),
    ...hostFamilies(status.hosts),
    ...containerFamilies(status.containers),
    gauge(
      "rule_met",
      "Whether the placement of now meets the rule.",
      status.rules.map((rule) => ({
        labels: { rule: rule.name, required: String(rule.required) },
        value: Number(rule.met),
      })),
    ),
    ...Object.entries(counterHelp).map(([name, help]) => ({
      name,
      type: "counter" as const,
      help,
      samples: [{ labels: {}, value: counters[name as Counter] }],
    })),
  ];
  return families
    .filter((family) => family.samples.length > 0)
    .map(familyText)
    .join("");
}

interface Sample {
  labels: Record<string, string>;
  value: number;
}

interface Family {
  name: string;
  type: "gauge" | "counter";
  help: string;
  samples: Sample[];
}

function hostFamilies(hosts: HostStatus[]): Family[] {
  return [
    gauge(
      "host_live",
      "Whether the member renews its heartbeat key.",
      hosts
        .filter((host) => host.role === "member")
        .map((host) => ({ labels: { host: host.name }, value: Number(host.state === "live") })),
    ),
    gauge(
      "certificate_expiry_seconds",
      "Seconds until the host's certificate ends, in whole days.",
      known(hosts, (host) => host.certificateDaysLeft).map(([host, days]) => ({
        labels: { host: host.name },
        value: days * 86_400,
      })),
    ),
  ];
}

function containerFamilies(containers: ContainerStatus[]): Family[] {
  const each = (name: string, help: string, value: (container: ContainerStatus) => number | null) =>
    gauge(
      name,
      help,
      known(containers, value).map(([container, number]) => ({
        labels: { container: container.name },
        value: number,
      })),
    );
  return [
    gauge(
      "container_primary",
      "1 for the host that owns the container.",
      known(containers, (container) => container.primary).map(([container, host]) => ({
        labels: { container: container.name, host },
        value: 1,
      })),
    ),
    each("container_epoch", "Ownership changes and new beginnings of the container.", (it) => it.epoch),
    each(
      "container_generation_age_seconds",
      "Seconds since the committed generation was dumped: the work that a crash would lose.",
      (it) => (it.generationAgeMs === null ? null : it.generationAgeMs / 1000),
    ),
    each("container_generation_bytes", "Size of the committed generation.", (it) => it.generationBytes),
    each("container_standbys", "Hosts that keep a copy.", (it) => it.standbys.length),
    each("container_degraded", "1 while the protection is not complete.", (it) =>
      Number(it.degraded !== null),
    ),
    each("container_failed", "1 when no host is left that could run the container.", (it) =>
      Number(it.phase === "FAILED"),
    ),
  ];
}

function gauge(name: string, help: string, samples: Sample[]): Family {
  return { name, type: "gauge", help, samples };
}

function known<T, V>(things: T[], value: (thing: T) => V | null): [T, V][] {
  return things.flatMap((thing): [T, V][] => {
    const found = value(thing);
    return found === null ? [] : [[thing, found]];
  });
}

function familyText({ name, type, help, samples }: Family): string {
  const full = `container_ha_${name}`;
  const lines = samples.map(({ labels, value }) => `${full}${labelText(labels)} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("")}`;
}

function labelText(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
