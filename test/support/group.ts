import { askStatus } from "../../provider/agent/cli/agent-client";
import { type ContainerStatus, type GroupStatus, paths } from "../../provider/contract";
import type { Lab } from "../lab/lab";

const LOOK_MS = 200;

/**
 * The group's status as the first of `hosts` tells it whose store has a quorum; if none has one, as the first that
 * answers. Asked at the agent's own socket: a program on the host for each look would take from the processors that all
 * hosts share.
 */
export async function groupStatus(
  lab: Lab,
  hosts = lab.hosts.map((host) => host.name),
): Promise<GroupStatus> {
  const faults: string[] = [];
  let alone: GroupStatus | undefined;
  for (const host of hosts) {
    if (lab.power(host) !== "running") continue;
    try {
      const status = await askStatus(lab.fileInside(host, paths.agentSocket));
      if (status.quorum) return status;
      alone ??= status;
    } catch (error) {
      faults.push(`${host}: ${(error as Error).message}`);
    }
  }
  if (alone) return alone;
  throw new Error(`no host tells the group's status: ${faults.join("; ") || "none is on"}`);
}

export async function containerStatus(lab: Lab, name: string): Promise<ContainerStatus> {
  const status = await groupStatus(lab);
  const container = status.containers.find((one) => one.name === name);
  if (!container) throw new Error(`container ${name} is not in the status`);
  return container;
}

/** Waits until `holds` says yes of the group's status; an error tells what it was at the end. */
export async function untilGroup(
  lab: Lab,
  { hosts, ...wanted }: Wanted<GroupStatus> & { hosts?: string[] },
): Promise<GroupStatus> {
  return looking(() => groupStatus(lab, hosts), wanted);
}

/** The same of a container's status. */
export async function untilContainer(
  lab: Lab,
  name: string,
  wanted: Wanted<ContainerStatus>,
): Promise<ContainerStatus> {
  return looking(() => containerStatus(lab, name), { ...wanted, what: `${name}: ${wanted.what}` });
}

interface Wanted<T> {
  what: string;
  limitMs: number;
  holds: (status: T) => boolean;
}

async function looking<T>(look: () => Promise<T>, { what, limitMs, holds }: Wanted<T>): Promise<T> {
  const deadline = performance.now() + limitMs;
  let last = "nothing";
  for (;;) {
    try {
      const status = await look();
      if (holds(status)) return status;
      last = JSON.stringify(status);
    } catch (error) {
      last = (error as Error).message;
    }
    if (performance.now() > deadline)
      throw new Error(`${what} did not come within ${limitMs / 1000} s; last: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

export function allLive({ hosts }: GroupStatus): boolean {
  return hosts.every(({ state }) => state === "live");
}

/** Protected as declared: runs, and every standby holds the committed generation and a copy that is ready for it. */
export function isProtected(status: ContainerStatus): boolean {
  return (
    status.phase === "RUNNING" &&
    status.degraded === null &&
    status.standbys.length > 0 &&
    status.standbys.every(({ host, state }) => isReady(state) && status.holders.includes(host))
  );
}

/** The same, and every standby keeps the committed generation warm. */
export function isWarm(status: ContainerStatus): boolean {
  const { generation } = status;
  return (
    isProtected(status) &&
    status.standbys.every(({ warm }) => warm?.epoch === generation?.epoch && warm?.gen === generation?.gen)
  );
}

function isReady(state: string): boolean {
  return state === "PREPARED" || state === "WARM";
}
