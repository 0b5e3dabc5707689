import { readFileSync } from "node:fs";
import { type Capture, startCapture } from "../faults/capture";
import { installDisks } from "../faults/disks";
import type { Lab } from "../lab/lab";
import { bootOwnedLab, defaultLabId, endOwnedLab } from "../lab/with-lab";
import { openStack, type Stack } from "../support/pulumi";
import { workloads } from "../workloads/all";
import type { Workload } from "../workloads/workload";

export const GROUP = "storm";
/** Of the project below test/storm/program. */
export const STACK = "storm/lab";

/** One protected program of the storm. */
export interface Placed {
  name: string;
  address: string;
  workload: Workload;
}

/** Three hosts with protected programs of several kinds. */
export interface Stage {
  lab: Lab;
  stack: Stack;
  capture: Capture;
  containers: Placed[];
  /** An `up` of the operator's program. */
  declare(wanted: Declared): Promise<void>;
  end(): Promise<void>;
}

export interface Declared {
  /** Milliseconds between two checkpoints of each container. */
  intervalsMs: Record<string, number>;
  /** The host in maintenance. */
  maintenance: string | null;
}

/** Room for the generations of all containers; what is not written takes none. */
const DISKS = { store: 8192, etcd: 384 };
const FIRST_ADDRESS = 100;

export function hostNames(): string[] {
  return ["ha1", "ha2", "ha3"];
}

/** One of each kind, then over again. */
export function containerNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const round = Math.floor(index / workloads.length);
    const { name } = workloadOf(index);
    return round === 0 ? name : `${name}-${round + 1}`;
  });
}

function workloadOf(index: number): Workload {
  return workloads[index % workloads.length]!;
}

export async function openStage(
  { containers, first }: { containers: string[]; first: Declared },
  progress: (line: string) => void,
): Promise<Stage> {
  const lab = await bootOwnedLab({ id: `${defaultLabId()}-storm`, hosts: hostNames() });
  try {
    return await setUp(lab, { containers, first }, progress);
  } catch (error) {
    await endOwnedLab(lab);
    throw error;
  }
}

async function setUp(
  lab: Lab,
  { containers, first }: { containers: string[]; first: Declared },
  progress: (line: string) => void,
): Promise<Stage> {
  const placed = containers.map((name, index) => ({
    name,
    address: `${lab.subnet}.${FIRST_ADDRESS + index}`,
    workload: workloadOf(index),
  }));
  progress(`setting up a group of ${lab.hosts.length} hosts with ${containers.join(", ")}`);
  await Promise.all(lab.hosts.map(({ name }) => installDisks(lab, name, DISKS)));
  const images = new Map<string, string>();
  for (const { workload } of placed) {
    if (images.has(workload.name)) continue;
    images.set(workload.name, (await lab.pushImage(workload.name, workload.image)).image);
  }
  const stack = await openStack({ example: "storm", stack: "lab", source: "test/storm/program" });
  const privateKey = readFileSync(lab.hosts[0]!.privateKeyPath, "utf8");
  const declare = async ({ intervalsMs, maintenance }: Declared) => {
    const hosts = lab.hosts.map(({ name, address, hostKey }) => ({
      ...{ name, address, hostKey },
      maintenance: name === maintenance,
    }));
    const settings = placed.map(({ name, address, workload }) => ({
      ...{ name, command: workload.command, envs: workload.envs, memory: workload.memory },
      image: images.get(workload.name)!,
      virtualIps: [address],
      probes: [{ ...workload.probe, startPeriod: workload.startPeriod }],
      intervalSeconds: intervalsMs[name]! / 1000,
    }));
    await stack.configure({ hosts, containers: settings }, { privateKey });
    const { code, output } = await stack.up();
    if (code !== 0) throw new Error(`pulumi up failed:\n${output}`);
  };
  await declare(first);
  const capture = await startCapture(
    lab,
    placed.map(({ address }) => address),
  );
  return {
    ...{ lab, stack, capture, declare },
    containers: placed,
    async end() {
      await capture.stop();
      stack.dispose();
      await endOwnedLab(lab);
    },
  };
}
