import { mkdirSync } from "node:fs";
import {
  type ContainerSpec,
  containerSpecSchema,
  type Policy,
  parkedMac,
  realMac,
} from "../../provider/contract";
import { hostFolder, type RemoteRuntime, remoteRuntime } from "../agent/env/runtime/remote-runtime";
import type { Lab } from "../lab/lab";
import { defaultLabId, withLab } from "../lab/with-lab";
import { percentile } from "./figures";
import type { BenchOptions } from "./options";

export interface ReleasesResult {
  holds: number;
  /** Holds whose container did not execute within a second of its release. */
  lost: number;
  /** From the release until it executes. */
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

const group = "releases";
const path = "store/r1/1-1";
/** A hold lasts up to several of the hold script's own waits, so that releases meet each moment of them. */
const LONGEST_HOLD_MS = 150;
const PROGRESS_STEP = 100;

/**
 * Restores a container, holds it before its first instruction for a random time, releases it, looks whether it executes,
 * and kills it; again and again, on two hosts of podman and one of docker side by side.
 */
export async function releasesBench(
  { runs }: BenchOptions,
  progress: (line: string) => void,
): Promise<ReleasesResult> {
  return withLab({ id: `${defaultLabId()}-bench`, hosts: 3 }, async (lab) => {
    const result: ReleasesResult & { took: number[] } = {
      holds: 0,
      lost: 0,
      p50Ms: 0,
      p99Ms: 0,
      maxMs: 0,
      took: [],
    };
    const engines = { ha1: "podman", ha2: "podman", ha3: "docker" } as const;
    const hosts = Object.entries(engines);
    await Promise.all(
      hosts.map(async ([host, engine]) => {
        const release = await releaser(lab, host, engine);
        while (result.holds < runs) {
          result.holds += 1;
          const ms = await release(Math.random() * LONGEST_HOLD_MS);
          if (ms === null) result.lost += 1;
          else result.took.push(ms);
          if (result.holds % PROGRESS_STEP === 0)
            progress(`${result.holds} of ${runs} holds, ${result.lost} lost`);
        }
      }),
    );
    const { took, ...figures } = result;
    return {
      ...figures,
      p50Ms: percentile(took, 0.5),
      p99Ms: percentile(took, 0.99),
      maxMs: Math.round(Math.max(...took)),
    };
  });
}

/** A function for one hold of so many ms: how long its release took to take effect; null: it did not. */
async function releaser(
  lab: Lab,
  host: string,
  engine: "podman" | "docker",
): Promise<(holdMs: number) => Promise<number | null>> {
  const runtime = await remoteRuntime(lab, host, group);
  await runtime.ensureHost({
    group,
    hosts: lab.hosts.map(({ name, address }) => ({ name, address, role: "member", labels: {} })),
    interface: "eth0",
    subnet: `${lab.subnet}.0/24`,
  } as unknown as Policy);
  const spec = containerSpecSchema.parse({
    name: "r1",
    stack: "test/bench",
    workload: { engine, image: "registry.lab:5000/redis-lab" },
    virtualIps: [`${lab.subnet}.10${host.at(-1)}`],
  });
  await runtime.ensureImage(spec.workload);
  await dumpOnce(lab, { runtime, host, spec });
  const parked = { spec, mac: parkedMac(group, spec.name, host) };
  return async (holdMs) => {
    await runtime.prepare(parked);
    await runtime.restore({ ...parked, folder: `/var/lib/container-ha/${path}`, hold: true, tcp: "close" });
    await new Promise((resolve) => setTimeout(resolve, holdMs));
    const startedAt = performance.now();
    const released = await runtime.release("r1").then(
      () => true,
      () => false,
    );
    const ms = performance.now() - startedAt;
    const executes = released && (await runtime.look("r1")) === "running";
    await runtime.kill("r1");
    return executes ? ms : null;
  };
}

async function dumpOnce(
  lab: Lab,
  { runtime, host, spec }: { runtime: RemoteRuntime; host: string; spec: ContainerSpec },
): Promise<void> {
  await runtime.start({ spec, mac: realMac(group, spec.name) });
  mkdirSync(hostFolder(lab, host, path), { recursive: true });
  await runtime.dump({ container: spec.name, folder: `/var/lib/container-ha/${path}` });
  await runtime.kill(spec.name);
}
