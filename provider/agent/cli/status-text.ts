import type { ContainerStatus, GroupStatus, HostStatus } from "../../contract";
import { noQuorumNote, type Voters } from "./no-quorum";
import { table } from "./table";
import { ago, clockTime, sentence } from "./words";

/** Certificates that end sooner are mentioned. */
const CERTIFICATE_WARNING_DAYS = 30;

/**
 * The group for people: its state, hosts and containers as tables, then a sentence for each thing to know. `voters`: how
 * they are, where the store does not answer.
 */
export function statusText(status: GroupStatus, voters: Voters | null = null): string {
  return [groupText(status), hostsText(status), containersText(status), notesText(status, voters)]
    .filter((part) => part !== "")
    .join("\n");
}

function groupText({ group, host, at, quorum, timing, failover, onQuorumLoss }: GroupStatus): string {
  const state = quorum
    ? "the store has a quorum"
    : "the store did not answer, so nothing can be decided or changed and what follows may be old";
  return `Group ${group}: ${state} (seen from ${host}, ${clockTime(at)}).\n${sentence(`Timing: ${timing}`)}\n${sentence(`Failover: ${failover}`)}\n${onQuorumLoss ? `${sentence(`Quorum loss: ${onQuorumLoss}`)}\n` : ""}`;
}

function hostsText({ hosts, containers }: GroupStatus): string {
  const count = (has: (container: ContainerStatus) => boolean) => String(containers.filter(has).length);
  return table(
    ["HOST", "ADDRESS", "ROLE", "STATE", "LABELS", "PRIMARIES", "STANDBYS"],
    hosts.map((host) => [
      host.name,
      host.address,
      host.role,
      host.state,
      orDash(Object.entries(host.labels).map(([name, value]) => `${name}=${value}`)),
      count((container) => container.primary === host.name),
      count((container) => container.standbys.some((standby) => standby.host === host.name)),
    ]),
  );
}

function containersText({ containers }: GroupStatus): string {
  if (containers.length === 0) return "No container is protected yet.\n";
  return table(
    ["CONTAINER", "PHASE", "PRIMARY", "EPOCH", "GENERATION", "AGE", "STANDBYS", "VIRTUAL IP"],
    containers.map((container) => [
      container.name,
      container.phase,
      container.primary ?? "-",
      String(container.epoch),
      // As the folder in the store is called: epoch-number.
      container.generation ? `${container.generation.epoch}-${container.generation.gen}` : "-",
      container.generationAgeMs === null ? "-" : ago(container.generationAgeMs),
      orDash(container.standbys.map(standbyText)),
      orDash(container.virtualIps),
    ]),
  );
}

function standbyText({ host, state, warm }: ContainerStatus["standbys"][number]): string {
  return `${host} (${warm ? `${state}, ${warm.memoryMb} MB` : state})`;
}

function notesText(status: GroupStatus, voters: Voters | null): string {
  const notes = [
    ...(status.quorum ? [] : [noQuorumNote(voters)]),
    ...status.containers.flatMap((container) => containerNotes(container, status.at)),
    ...status.rules.filter((rule) => !rule.met).map(ruleNote),
    ...status.hosts.flatMap((host) => hostNotes(host, status.host)),
    ...status.hosts.flatMap((host) => certificateNotes(host.name, host.certificateDaysLeft)),
  ];
  return notes.map((note) => `${note}\n`).join("");
}

/** Why what its record calls RUNNING does not execute. */
const stalledMeaning: Partial<Record<ContainerStatus["phase"], string>> = {
  LAPSED: "its host has not renewed its lease in time, and is cut off",
  HELD: "it was restored and waits before its first instruction",
  FROZEN: "its cgroup is frozen",
  TRACED: "another program, such as a debugger, keeps one of its processes stopped",
};

function containerNotes(
  { name, phase, stalledSince, failure, degraded, lastFailover }: ContainerStatus,
  now: string,
): string[] {
  const notes: string[] = [];
  if (stalledSince !== null)
    notes.push(
      sentence(
        `${name} has not executed since ${clockTime(stalledSince)}: ${stalledMeaning[phase] ?? phase}`,
      ),
    );
  if (failure !== null) notes.push(sentence(`${name} has failed: ${failure}`));
  if (degraded !== null) notes.push(sentence(`${name} is degraded: ${degraded}`));
  if (lastFailover !== null) {
    const { from, to, at, reason } = lastFailover;
    const age = ago(Date.parse(now) - Date.parse(at));
    notes.push(sentence(`${name} last failed over from ${from} to ${to}, ${age}: ${reason}`));
  }
  return notes;
}

function hostNotes({ name, holdDownMs, clockAlarm, engineFaults }: HostStatus, observer: string): string[] {
  const notes = Object.entries(engineFaults).map(([engine, fault]) =>
    sentence(`${engine} does not work on ${name}: ${fault}`),
  );
  if (holdDownMs > 0)
    notes.push(
      `${name} was fenced and is back: it takes no container for another ${Math.ceil(holdDownMs / 1000)} s unless no other host could.`,
    );
  if (clockAlarm)
    notes.push(
      `The clocks of ${name} and ${observer} run at different rates: ${observer} does not fence ${name} by itself.`,
    );
  return notes;
}

function ruleNote(rule: GroupStatus["rules"][number]): string {
  const kind = `${rule.required ? "required" : "preferred"} ${rule.kind}`;
  return sentence(`Rule ${rule.name} (${kind}) is not met: ${rule.sentence}`);
}

function certificateNotes(host: string, daysLeft: number | null): string[] {
  if (daysLeft === null || daysLeft > CERTIFICATE_WARNING_DAYS) return [];
  const when = daysLeft < 0 ? "has ended" : daysLeft < 1 ? "ends today" : `ends in ${Math.floor(daysLeft)} d`;
  return [`The certificate of host ${host} ${when}; "pulumi up" renews it.`];
}

function orDash(parts: string[]): string {
  return parts.length > 0 ? parts.join(", ") : "-";
}
