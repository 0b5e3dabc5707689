import { type MovePhases, movedSchema, parseJson } from "../../provider/contract";
import { steadyClient } from "../agent/env/runtime/steady-client";
import type { Lab } from "../lab/lab";
import { containerStatus, isProtected, untilContainer } from "../support/group";
import { redisAddress } from "../support/redis-story";
import { until } from "../support/until";
import { percentile } from "./figures";
import { withFilledRedis } from "./filled-redis";
import type { BenchOptions } from "./options";
import { type PodmanMoves, podmanMoves } from "./podman-move";

interface HandoverRun {
  from: string;
  to: string;
  /** The longest wait for a reply that a client with an open connection had, ms. */
  gapMs: number;
  /** Its one connection is still the one that it opened, and every reply followed on the one before. */
  kept: boolean;
  faults: string[];
  phases: MovePhases;
}

export interface HandoverResult {
  p50Ms: number;
  p95Ms: number;
  connectionsKept: number;
  connectionsLost: number;
  /** Replies that were lost, repeated or out of order. */
  wrongReplies: number;
  /** Medians of where the time went. */
  phases: MovePhases;
  engine: string;
  memoryMb: number;
  runs: HandoverRun[];
  /** The same memory moved on the same hosts with podman's own commands. */
  podman: PodmanMoves;
}

const LIMIT_MS = 120_000;
/** What it is compared with needs fewer runs. */
const MOST_BY_HAND = 5;

/** Moves a Redis between its hosts again and again while a client increments over one connection. */
export async function handoverBench(
  options: BenchOptions,
  progress: (line: string) => void,
): Promise<HandoverResult> {
  return withFilledRedis(options, { checkpointSeconds: 600 }, progress, async (lab) => {
    const runs: HandoverRun[] = [];
    for (let run = 1; run <= options.runs; run += 1) {
      const result = await handOver(lab);
      const { phases } = result;
      progress(
        `run ${run} of ${options.runs}: ${result.from} -> ${result.to}, gap ${result.gapMs} ms, ${JSON.stringify(phases)}${result.kept ? "" : " CONNECTION LOST"}`,
      );
      runs.push(result);
    }
    const { engine, memoryMb } = options;
    const byHand = { memoryMb, runs: Math.min(options.runs, MOST_BY_HAND) };
    return { ...figures(runs), engine, memoryMb, runs, podman: await podmanMoves(lab, byHand, progress) };
  });
}

async function handOver(lab: Lab): Promise<HandoverRun> {
  await untilContainer(lab, "redis", { what: "full protection", limitMs: LIMIT_MS, holds: isProtected });
  const { primary } = await containerStatus(lab, "redis");
  const to = lab.hosts.map(({ name }) => name).find((name) => name !== primary)!;
  const client = await steadyClient(redisAddress(lab), "counter");
  await until(() => client.value() > 0, "first replies", 10_000);
  const before = client.value();
  await until(() => client.value() > before + 50, "replies before the move", 10_000);
  client.longestGap();
  const output = await lab.exec(to, `container-ha migrate redis --to ${to} --json`);
  const { phases, from } = parseJson(movedSchema, output, "the reply to migrate");
  const after = client.value();
  await until(
    () => client.value() > after + 50 || client.closedAt() !== null,
    "replies after the move",
    10_000,
  );
  const gapMs = Math.round(client.longestGap());
  const kept = client.closedAt() === null;
  const { faults } = client;
  client.stop();
  return { from, to, gapMs, kept, faults: [...faults], phases };
}

function figures(runs: HandoverRun[]) {
  const gaps = runs.map((run) => run.gapMs);
  const names = Object.keys(runs[0]!.phases) as (keyof MovePhases)[];
  const median = (name: keyof MovePhases) =>
    percentile(
      runs.map((run) => run.phases[name]),
      0.5,
    );
  return {
    p50Ms: percentile(gaps, 0.5),
    p95Ms: percentile(gaps, 0.95),
    connectionsKept: runs.filter((run) => run.kept).length,
    connectionsLost: runs.filter((run) => !run.kept).length,
    wrongReplies: runs.reduce((sum, run) => sum + run.faults.length, 0),
    phases: Object.fromEntries(names.map((name) => [name, median(name)])) as MovePhases,
  };
}
