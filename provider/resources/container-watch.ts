import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerStatus, CtlRequest, GroupStatus } from "../contract";
import { askGroup, GroupRefused, groupStatus } from "../control";
import { UserError } from "../errors";
import type { GroupHandle } from "../group-handle";
import { shared } from "./shared";

/** What a container must become. */
export interface Wanted {
  name: string;
  specDigest: string;
  /** It must have begun at this epoch or later: a changed workload runs only after a new beginning. */
  leastEpoch: number;
  /** How many standbys, or which hosts, must hold a generation. */
  standbys: number | string[];
}

export type Progress =
  | { state: "protected" }
  | { state: "failed"; reason: string }
  | { state: "waiting"; sentence: string };

/** How far a container is from running with a committed generation on its standbys. */
export function progressOf(status: Pick<GroupStatus, "hosts" | "containers">, wanted: Wanted): Progress {
  const container = status.containers.find(({ name }) => name === wanted.name);
  if (!container || container.specDigest !== wanted.specDigest || container.epoch < wanted.leastEpoch) {
    return { state: "waiting", sentence: "a host has not taken it yet" };
  }
  if (container.phase === "FAILED") {
    return { state: "failed", reason: container.failure ?? "no host could run it" };
  }
  if (container.phase !== "RUNNING") {
    return { state: "waiting", sentence: `${container.phase} on ${container.primary ?? "no host yet"}` };
  }
  return isHeld(status, container, wanted)
    ? { state: "protected" }
    : { state: "waiting", sentence: holdingSentence(container) };
}

function isHeld(
  status: Pick<GroupStatus, "hosts">,
  container: ContainerStatus,
  { standbys }: Wanted,
): boolean {
  if (!container.generation) return false;
  const holders = container.holders.filter((host) => host !== container.primary);
  const live = status.hosts.filter(({ role, state }) => role === "member" && state === "live");
  const able = live.map(({ name }) => name).filter((host) => host !== container.primary);
  // Hosts that are dead now get a generation when they are back; at least one standby must hold it in any case.
  if (typeof standbys === "number") return holders.length >= Math.max(1, Math.min(standbys, able.length));
  const wantedNow = standbys.filter((host) => able.includes(host));
  return holders.length >= 1 && wantedNow.every((host) => holders.includes(host));
}

function holdingSentence({ primary, generation, holders, degraded }: ContainerStatus): string {
  if (degraded) return `runs on ${primary}, but ${degraded}`;
  if (!generation) return `runs on ${primary}, the first generation is on its way to a standby`;
  return `runs on ${primary}, generation ${generation.epoch}-${generation.gen} is held by ${holders.join(", ")}`;
}

interface Watch {
  handle: GroupHandle;
  log: (line: string) => void;
  signal: AbortSignal;
  patienceMs?: number;
}

/** The container failed for good; the message is the group's reason. */
export class ContainerFailed extends UserError {}

/** Waits until the container is protected and returns the status then. Throws ContainerFailed where it failed. */
export async function untilProtected(o: Watch & { wanted: Wanted }): Promise<ContainerStatus> {
  const { wanted } = o;
  const status = await until(o, "to be protected", (now) => {
    const progress = progressOf(now, wanted);
    if (progress.state === "failed") throw new ContainerFailed(progress.reason);
    return progress.state === "protected" ? null : progress.sentence;
  });
  return status.containers.find(({ name }) => name === wanted.name)!;
}

/** Waits until the group has a quorum and this many live members: agents may be starting in another operation. */
export function untilMembers(o: Watch & { least: number }): Promise<GroupStatus> {
  return until({ patienceMs: 180_000, ...o }, `for ${o.least} live members`, ({ hosts }) => {
    const members = hosts.filter(({ role }) => role === "member");
    if (members.filter(({ state }) => state === "live").length >= o.least) return null;
    return members.map(({ name, state }) => `${name} is ${state}`).join(", ");
  });
}

/**
 * Declares the container. On machines with much to do members may be slow to renew, so that too few count as live for a
 * moment: that is waited for, said once, and refused with the reason of each host when it lasts.
 */
export async function declareContainer({
  handle,
  log,
  signal,
  request,
  patienceMs = 30_000,
}: Watch & { request: CtlRequest }): Promise<void> {
  const deadline = Date.now() + patienceMs;
  let said = "";
  for (;;) {
    try {
      await askGroup(handle, request, { signal });
      return;
    } catch (error) {
      const mayPass = error instanceof GroupRefused && error.code === "not-yet";
      if (!mayPass || Date.now() >= deadline) throw error;
      if (error.message !== said) log(`waits, as ${error.message}`);
      said = error.message;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Asks for the status until `obstacle` finds none; says each new obstacle once. */
async function until(
  o: Watch,
  what: string,
  obstacle: (status: GroupStatus) => string | null,
): Promise<GroupStatus> {
  const patienceMs = o.patienceMs ?? 600_000;
  const deadline = Date.now() + patienceMs;
  let said = "";
  for (;;) {
    const status = await sharedStatus(o.handle);
    const sentence = obstacle(status);
    if (sentence === null) return status;
    if (Date.now() >= deadline) {
      throw new UserError(`waited ${Math.round(patienceMs / 1000)} s ${what}, but ${sentence}`);
    }
    if (sentence !== said) o.log(sentence);
    said = sentence;
    await sleep(POLL_MS, undefined, { signal: o.signal });
  }
}

const POLL_MS = 300;
const ANSWER_PATIENCE_MS = 120_000;

/** By handle. */
const questions = new Map<string, () => Promise<GroupStatus>>();

/** Each question starts a program on a host, so that all containers of one `up` that wait ask together. */
function sharedStatus(handle: GroupHandle): Promise<GroupStatus> {
  const key = JSON.stringify(handle);
  const ask = questions.get(key) ?? shared(() => groupStatus(handle, { patienceMs: ANSWER_PATIENCE_MS }));
  questions.set(key, ask);
  return ask();
}
