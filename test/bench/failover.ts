import { eventSchema, parseJson } from "../../provider/contract";
import type { Lab } from "../lab/lab";
import { containerStatus, isProtected, isWarm, untilContainer } from "../support/group";
import { watchLinks } from "../support/link-watch";
import { redisCommand, startCounting } from "../support/redis-client";
import { hostLinks, redisAddress } from "../support/redis-story";
import { until } from "../support/until";
import { type Percentiles, percentiles } from "./figures";
import { withFilledRedis } from "./filled-redis";
import type { BenchOptions } from "./options";

interface FailoverRun {
  killed: string;
  servedBy: string;
  /** Seen by a client with an open connection, from its last reply before to its first reply after, ms. */
  gapMs: number;
  /** The same by a client that gives its connection up when it hears nothing for a moment. */
  impatientGapMs: number;
  /** Value of the counter in the last committed generation, and at the first reply after. */
  committed: number;
  resumed: number;
  answeredByTwo: boolean;
  /** When the new primary's host told of each step, ms after the cut. */
  steps: Record<string, number>;
}

export interface FailoverResult extends Percentiles {
  impatient: Percentiles;
  /** Runs after which memory was older than the last committed generation. */
  lostAcknowledged: number;
  answeredByTwo: number;
  engine: string;
  memoryMb: number;
  standby: "cold" | "warm";
  runs: FailoverRun[];
}

const PROTECTION_LIMIT_MS = 120_000;
const IMPATIENT_MS = 300;

/** Cuts the power of the primary again and again while a client with an open connection counts. */
export async function failoverBench(
  options: BenchOptions,
  progress: (line: string) => void,
): Promise<FailoverResult> {
  return withFilledRedis(options, { standby: options.standby }, progress, async (lab) => {
    const runs: FailoverRun[] = [];
    for (let run = 1; run <= options.runs; run += 1) {
      const result = await failOver(lab, options);
      progress(
        `run ${run} of ${options.runs}: ${result.killed} -> ${result.servedBy}, gap ${result.gapMs} ms, of an impatient client ${result.impatientGapMs} ms (${stepsText(result.steps)})`,
      );
      runs.push(result);
    }
    const { engine, memoryMb, standby } = options;
    return { ...figures(runs), engine, memoryMb, standby, runs };
  });
}

async function failOver(lab: Lab, { memoryMb, standby }: BenchOptions): Promise<FailoverRun> {
  const isReady = standby === "warm" ? isWarm : isProtected;
  const address = redisAddress(lab);
  await untilContainer(lab, "redis", {
    what: "full protection",
    limitMs: PROTECTION_LIMIT_MS,
    holds: isReady,
  });
  const { primary: killed, generation: old } = await containerStatus(lab, "redis");
  const counted = Number(await redisCommand(address, "INCRBY", "committed", "1"));
  await redisCommand(address, "SET", "run-marker", String(counted));
  // The client is connected before the generation is taken, as most clients are: its name is in the generation.
  const watch = await watchLinks(hostLinks(lab), address);
  const client = startCounting(address, "counter");
  const impatient = startCounting(address, "impatient", IMPATIENT_MS);
  await until(() => client.replies() > 0 && impatient.replies() > 0, "first replies", 10_000);
  await lab.exec(killed!, "container-ha checkpoint redis");
  const committedStatus = await untilContainer(lab, "redis", {
    what: "a generation after the marker",
    limitMs: PROTECTION_LIMIT_MS,
    holds: (status) => isReady(status) && (status.generation?.gen ?? 0) > (old?.gen ?? 0),
  });
  if ((committedStatus.generationBytes ?? 0) < memoryMb * 0.9e6) {
    throw new Error(
      `the generation has ${committedStatus.generationBytes} bytes, expected at least ${memoryMb} MB`,
    );
  }
  await until(() => performance.now() - client.lastReplyAt() < 50, "replies before the cut", 10_000);
  const cut = await lab.kill(killed!);
  const cutAt = cut - performance.timeOrigin;
  const gaps = () => [client, impatient].map((one) => one.gapAfter(cutAt)?.ms);
  await until(() => !gaps().includes(undefined), "answers after the cut", 60_000);
  const [gapMs, impatientGapMs] = gaps() as [number, number];
  await Promise.all([client.stop(), impatient.stop()]);
  const { answeredByTwo } = await watch.stop();
  const resumed = Number(await redisCommand(address, "GET", "run-marker"));
  const now = await untilContainer(lab, "redis", {
    what: "a new primary",
    limitMs: PROTECTION_LIMIT_MS,
    holds: ({ primary }) => primary !== null && primary !== killed,
  });
  const steps = await stepsSince(lab, now.primary!, cut);
  await lab.start(killed!);
  return {
    killed: killed!,
    servedBy: now.primary!,
    gapMs,
    impatientGapMs,
    committed: counted,
    resumed,
    answeredByTwo,
    steps,
  };
}

function stepsText(steps: Record<string, number>): string {
  return Object.entries(steps)
    .map(([kind, ms]) => `${kind} ${ms}`)
    .join(", ");
}

/** The first event of each kind that the host told after the cut. */
async function stepsSince(lab: Lab, host: string, cut: number): Promise<Record<string, number>> {
  const steps: Record<string, number> = {};
  for (const line of (await lab.exec(host, "container-ha events --json --limit 200")).trim().split("\n")) {
    const { kind, at } = parseJson(eventSchema, line, "an event");
    const ms = Math.round(Date.parse(at) - cut);
    if (ms >= 0) steps[kind] ??= ms;
  }
  return steps;
}

function figures(runs: FailoverRun[]) {
  return {
    ...percentiles(runs.map((run) => run.gapMs)),
    impatient: percentiles(runs.map((run) => run.impatientGapMs)),
    lostAcknowledged: runs.filter((run) => run.resumed < run.committed).length,
    answeredByTwo: runs.filter((run) => run.answeredByTwo).length,
  };
}
