import {
  type ContainerStatus,
  type GroupStatus,
  type HostStatus,
  type Policy,
  ruleHolds,
  specDigest,
} from "../contract";
import { type Context, localOf } from "./context";
import { handoverStage } from "./decide-handover";
import { engineFault, engineFaultsOf } from "./engines";
import { wantedMembers } from "./failsafe";
import { holdDownMs } from "./hold-down";
import { hasRoomOn, isLiveMember, placed, prospectsOf, warmBytes } from "./input";
import { overdue, scheduleFault } from "./schedule";
import { stalledAnywhere } from "./stalled";
import { WARM_RESERVE_MB } from "./standby";
import type { ContainerView } from "./view";
import { waitsFor } from "./waiting";

const DAY_MS = 86_400_000;

/** What this agent knows of the group now; `quorum`: whether the store answered in the last cycle. */
export function groupStatus(context: Context, quorum: boolean): GroupStatus {
  const containers = [...context.view.containers.values()].filter((container) => container.spec);
  const input = {
    hosts: context.policy.hosts,
    rules: [],
    containers: containers.map(placed),
  };
  return {
    group: context.me.group,
    host: context.me.host,
    at: context.env.clock.wall(),
    quorum,
    timing: timingSentence(context.policy),
    failover: failoverSentence(context.policy),
    onQuorumLoss: quorumLossSentence(context, quorum),
    hosts: context.policy.hosts.map((host) => hostStatus(context, host)),
    containers: containers.map((container) => containerStatus(context, container)),
    rules: [...context.view.rules.values()].map(({ value: rule }) => ({
      name: rule.name,
      kind: rule.kind,
      required: rule.required,
      ...ruleHolds(rule, input),
    })),
  };
}

/** The timings in force and why. */
export function timingSentence({ timing, timingReason }: Pick<Policy, "timing" | "timingReason">): string {
  const { intervalMs, leaseMs, fenceMs, clockDrift } = timing;
  const why = timingReason ? `: ${timingReason}` : "";
  return `renews every ${intervalMs} ms, lease ${leaseMs} ms, fences after ${fenceMs} ms, clocks assumed within ${Math.round(clockDrift * 100)} %${why}`;
}

function failoverSentence({ failover, fencing }: Policy): string {
  const stonith = fencing
    ? "after its fencing command, or its silence for that long"
    : "after its silence for that long";
  const proved = "only after its fencing command has switched it off, or an operator has fenced it";
  if (failover === "manual") return "manual: a container changes its host only when an operator says so";
  return failover === "stonith-only" || fencing?.required
    ? `${failover}: a host is replaced ${proved}`
    : `automatic: a host is replaced ${stonith}`;
}

/** What becomes of the containers without a quorum, or what does now; null: they freeze, as by default. */
function quorumLossSentence(context: Context, quorum: boolean): string | null {
  const members = wantedMembers(context);
  if (!members) return null;
  if (context.standIn) return context.standIn;
  const away = quorum ? members.filter((name) => !isLiveMember(context, name)) : [];
  return away.length > 0
    ? `containers would freeze, as ${away.join(", ")} could not promise to take none of them`
    : "containers are served on while every host that could take them promises not to";
}

function hostStatus(context: Context, host: Context["policy"]["hosts"][number]): HostStatus {
  const seen = context.view.hosts.get(host.name);
  const certificate = seen?.info
    ? Date.parse(seen.info.certificateUntil) - Date.parse(context.env.clock.wall())
    : null;
  return {
    ...host,
    state: hostState(context, host),
    holdDownMs: seen ? holdDownMs(seen, context.policy.timing.intervalMs) : 0,
    clockAlarm: context.clockAlarms.has(host.name),
    engineFaults: engineFaultsOf(context, host.name),
    sid: seen?.session?.value.sid ?? null,
    version: seen?.info?.version ?? null,
    memoryMb: seen?.info?.memoryMb ?? null,
    certificateDaysLeft: certificate === null ? null : Math.floor(certificate / DAY_MS),
  };
}

function hostState(context: Context, { name, role }: { name: string; role: string }): HostStatus["state"] {
  if (role === "witness") return "witness";
  if (!context.view.hosts.get(name)?.session) return "absent";
  if (!isLiveMember(context, name)) return "dead";
  return context.suspects.has(name) ? "suspect" : "live";
}

function containerStatus(context: Context, container: ContainerView): ContainerStatus {
  const spec = container.spec!.value;
  const owner = container.owner?.value ?? null;
  const generation = container.generation?.value ?? null;
  const stalled = stalledAnywhere(context, container);
  return {
    name: container.name,
    stack: spec.stack,
    engine: spec.workload.engine,
    image: spec.workload.image,
    virtualIps: spec.virtualIps,
    specDigest: specDigest(spec),
    phase: stalled?.phase ?? owner?.phase ?? "PENDING",
    stalledSince: stalled?.since ?? null,
    primary: owner && owner.phase !== "FAILED" && owner.phase !== "STOPPED" ? owner.host : null,
    epoch: owner?.epoch ?? 0,
    generation: generation && { gen: generation.gen, epoch: generation.epoch },
    generationAgeMs: generation && Date.parse(context.env.clock.wall()) - Date.parse(generation.at),
    generationBytes: generation?.bytes ?? null,
    holders: generation?.holders ?? [],
    standbys: (container.standbys?.value.hosts ?? []).map((host) => ({
      host,
      state: copyState(context, host, container.name),
      warm: warmCopy(context, host, container.name),
    })),
    lastFailover: owner?.lastFailover ?? null,
    moving: movingTo(container),
    degraded: degraded(context, container),
    failure: owner?.phase === "FAILED" ? owner.reason : null,
  };
}

function movingTo(container: ContainerView): ContainerStatus["moving"] {
  const stage = handoverStage(container);
  if (stage === null || stage === "void") return null;
  const { to, stage: recorded } = container.migration!.value;
  return { to, stage: stage === "after" ? "RESTORING" : recorded };
}

function copyState(context: Context, host: string, container: string): string {
  if (host === context.me.host) return localOf(context, container).standing;
  if (!isLiveMember(context, host)) return "UNREACHABLE";
  return context.view.hosts.get(host)?.info?.copies[container] ?? "ABSENT";
}

function warmCopy(
  context: Context,
  host: string,
  container: string,
): ContainerStatus["standbys"][number]["warm"] {
  return isLiveMember(context, host) ? (context.view.hosts.get(host)?.info?.warm[container] ?? null) : null;
}

/** Why the container would not survive the next failure as declared; null: it would. */
function degraded(context: Context, container: ContainerView): string | null {
  if (container.unreadable)
    return "a record of it cannot be read by this version, so that it is left as it is: see the events";
  const owner = container.owner?.value;
  if (!owner || owner.phase === "FAILED") return null;
  const manual = context.policy.failover === "manual";
  const waits = waitsFor(container, owner.triedHosts, prospectsOf(context, container));
  if (owner.phase === "STOPPED")
    return manual
      ? `${owner.reason}; as failover is manual, "container-ha failover ${container.name}" lets another host take it`
      : `${owner.reason}; ${waits}`;
  if (!isLiveMember(context, owner.host)) {
    const fence = `as failover is manual, "container-ha fence ${owner.host}" lets another host take it`;
    return `its primary ${owner.host} is not live; ${manual ? fence : waits}`;
  }
  const host = context.policy.hosts.find(({ name }) => name === owner.host);
  if (host?.maintenance) return `${owner.host} is in maintenance, and it has not been moved away yet`;
  const standbys = container.standbys?.value.hosts ?? [];
  const live = standbys.filter((host) => isLiveMember(context, host));
  if (live.length === 0) return "no standby is live";
  const holders = container.generation?.value.holders ?? [];
  const local = owner.host === context.me.host ? localOf(context, container.name) : null;
  const own = local?.degraded ?? null;
  if (!live.some((host) => holders.includes(host))) return own ?? "no live standby holds a generation";
  return (
    local?.unasked ??
    own ??
    engineTrouble(context, container, [owner.host, ...live]) ??
    scheduleFault(container) ??
    overdue(container, context.env.clock.wall()) ??
    withoutRoom(context, container, live)
  );
}

/** A host of the container whose engine could not begin it. */
function engineTrouble(context: Context, { spec }: ContainerView, hosts: string[]): string | null {
  const faults = hosts.map((host) => engineFault(context, host, spec!.value.workload.engine));
  return faults.find((fault) => fault !== null) ?? null;
}

/** A standby that should keep a warm copy and cannot. */
function withoutRoom(context: Context, container: ContainerView, standbys: string[]): string | null {
  const host = standbys.find((name) => !hasRoomOn(context, container, name));
  if (host === undefined) return null;
  const needed = Math.ceil(warmBytes(container) / 1e6) + WARM_RESERVE_MB;
  const free = context.view.hosts.get(host)!.info!.memoryMb;
  return `${host} has no room for a warm copy (${needed} MB needed, ${free} MB free): that standby is cold`;
}
