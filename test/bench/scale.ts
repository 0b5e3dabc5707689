import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "../../provider/agent/cli/agent-client";
import { paths } from "../../provider/contract";
import type { Lab } from "../lab/lab";
import { defaultLabId, withLab } from "../lab/with-lab";
import { groupStatus, isProtected, untilGroup } from "../support/group";
import { openStack, type Stack } from "../support/pulumi";
import { firstReply, redisCommand } from "../support/redis-client";
import { percentile } from "./figures";
import type { BenchOptions } from "./options";
import { cpuUsec, unitsOf } from "./unit-usage";

export interface ScaleResult {
  containers: number;
  /** One `up` that makes a group of three bare hosts and all containers, until each is protected. */
  createSeconds: number;
  /** The same `up` again, with nothing to do. */
  noopUpSeconds: number;
  /** Share of one core that lease and agent take at rest on the busiest host, with their children. */
  cpuPercentPerHost: number;
  /** What one checkpoint more takes of lease and agent on all hosts. */
  cpuMsPerCheckpoint: number;
  /** `container-ha status --json` over ssh, median. */
  statusMs: number;
  /** The host of most containers loses its power: from the cut to the first reply of each of them. */
  failover: { containers: number; p50Ms: number; p95Ms: number };
}

interface Small {
  name: string;
  address: string;
}

const PROTECTION_LIMIT_MS = 120_000;
const REST_MS = 60_000;
/** As many checkpoints more, in a whole number of the schedule's intervals. */
const CHECKPOINTS = 20;
const CHECKPOINTS_MS = 20_000;
const STATUS_RUNS = 10;
const REPLY_LIMIT_MS = 60_000;
/** Many clients that ask all the time would take the processor from what they measure. */
const ASK_EVERY_MS = 20;
const MARKER = ["before-the-cut", "kept"] as const;

/** Many small Redis on three hosts, with the default profile and a checkpoint of each every 10 s. */
export async function scaleBench(
  { containers: count }: BenchOptions,
  progress: (line: string) => void,
): Promise<ScaleResult> {
  return withLab({ id: `${defaultLabId()}-bench`, hosts: 3 }, async (lab) => {
    const small = Array.from({ length: count }, (_, index) => ({
      name: `r${index + 1}`,
      address: `${lab.subnet}.${100 + index}`,
    }));
    const stack = await declare(lab, small);
    try {
      const createSeconds = await up(stack);
      progress(`${count} containers created in ${createSeconds} s`);
      const noopUpSeconds = await up(stack);
      progress(`an up with nothing to do took ${noopUpSeconds} s`);
      await Promise.all(small.map(({ address }) => redisCommand(address, "SET", ...MARKER)));
      await untilProtected(lab);
      const rest = await atRest(lab);
      progress(`at rest: ${JSON.stringify(rest)} % of a core`);
      const cpuMsPerCheckpoint = await checkpointCost(lab, rest);
      progress(`one checkpoint more: ${cpuMsPerCheckpoint} ms of CPU`);
      const statusMs = await statusLatency(lab);
      const failover = await failOver(lab, small, progress);
      return {
        containers: count,
        createSeconds,
        noopUpSeconds,
        cpuPercentPerHost: Math.max(...Object.values(rest)),
        cpuMsPerCheckpoint,
        statusMs,
        failover,
      };
    } finally {
      stack.dispose();
    }
  });
}

async function declare(lab: Lab, containers: Small[]): Promise<Stack> {
  const stack = await openStack({ example: "bench", stack: "lab", source: "test/bench/program" });
  await stack.configure(
    {
      hosts: lab.hosts.map(({ name, address, hostKey }) => ({ name, address, hostKey })),
      image: "registry.lab:5000/redis-lab",
      containers,
    },
    { privateKey: readFileSync(lab.hosts[0]!.privateKeyPath, "utf8") },
  );
  return stack;
}

async function up(stack: Stack): Promise<number> {
  const { code, output, seconds } = await stack.up();
  if (code !== 0) throw new Error(`pulumi up failed:\n${output}`);
  return round(seconds);
}

async function untilProtected(lab: Lab): Promise<void> {
  await untilGroup(lab, {
    what: "protection of all containers",
    limitMs: PROTECTION_LIMIT_MS,
    holds: ({ containers }) => containers.every(isProtected),
  });
}

/** Percent of a core by host. */
async function atRest(lab: Lab): Promise<Record<string, number>> {
  const hosts = lab.hosts.map(({ name }) => name);
  const before = await usedMs(lab);
  const startedAt = performance.now();
  await sleep(REST_MS);
  const after = await usedMs(lab);
  const elapsed = performance.now() - startedAt;
  return Object.fromEntries(
    hosts.map((host, index) => [host, round((100 * (after[index]! - before[index]!)) / elapsed)]),
  );
}

async function usedMs(lab: Lab): Promise<number[]> {
  const used = lab.hosts.map(async ({ name }) => (await cpuUsec(lab, name, unitsOf.product)) / 1000);
  return Promise.all(used);
}

async function checkpointCost(lab: Lab, rest: Record<string, number>): Promise<number> {
  const { containers } = await groupStatus(lab);
  const { name, primary } = containers[0]!;
  const socketPath = lab.fileInside(primary!, paths.agentSocket);
  const before = await usedMs(lab);
  const window = sleep(CHECKPOINTS_MS);
  const startedAt = performance.now();
  for (let taken = 0; taken < CHECKPOINTS; taken += 1)
    await ask({ socketPath }, { op: "checkpoint", name }, (generation) => generation);
  await window;
  const elapsed = performance.now() - startedAt;
  const after = await usedMs(lab);
  const idle = (sum(Object.values(rest)) / 100) * elapsed;
  return round((sum(after) - sum(before) - idle) / CHECKPOINTS);
}

async function statusLatency(lab: Lab): Promise<number> {
  const took: number[] = [];
  for (let run = 0; run < STATUS_RUNS; run += 1) {
    const startedAt = performance.now();
    await lab.exec(lab.hosts[0]!.name, "container-ha status --json");
    took.push(performance.now() - startedAt);
  }
  return Math.round(percentile(took, 0.5));
}

async function failOver(
  lab: Lab,
  small: Small[],
  progress: (line: string) => void,
): Promise<ScaleResult["failover"]> {
  await untilProtected(lab);
  const { containers } = await groupStatus(lab);
  const byHost = Map.groupBy(containers, ({ primary }) => primary!);
  const [killed, lost] = [...byHost].sort(([, a], [, b]) => b.length - a.length)[0]!;
  const names = lost.map(({ name }) => name);
  const cut = await lab.kill(killed);
  const replies = await Promise.all(
    small
      .filter(({ name }) => names.includes(name))
      .map(async ({ name, address }) => {
        const { at, reply } = await firstReply(address, ["GET", MARKER[0]], REPLY_LIMIT_MS, ASK_EVERY_MS);
        if (reply !== MARKER[1]) throw new Error(`${name} answers without its memory after the cut`);
        return at - cut;
      }),
  );
  const took = replies.map(Math.round).sort((a, b) => a - b);
  progress(
    `${killed} was cut off with ${names.length} containers; first replies after ${took.join(", ")} ms`,
  );
  return { containers: names.length, p50Ms: percentile(took, 0.5), p95Ms: percentile(took, 0.95) };
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
