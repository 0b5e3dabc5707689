import { engineName } from "../../provider/contract";
import type { Lab } from "../lab/lab";
import { isProtected, untilContainer } from "../support/group";
import { firstReply, redisCommand, startCounting } from "../support/redis-client";
import { redisAddress } from "../support/redis-story";
import { until } from "../support/until";
import { type Percentiles, percentiles } from "./figures";
import { withFilledRedis } from "./filled-redis";
import type { BenchOptions } from "./options";

interface CrashRun {
  host: string;
  /** From the kill of its first process to the first reply of the restored one on a fresh connection, ms. */
  outageMs: number;
  /** Seen by a client with an open connection, from its last reply before to its first reply after, ms. */
  gapMs: number;
  /** A value of the last committed generation is still there. */
  keptMemory: boolean;
}

/** The figures are of fresh connections; `connected`: the same crashes as a client with an open connection sees them. */
export interface CrashResult extends Percentiles {
  connected: Percentiles;
  lostAcknowledged: number;
  engine: string;
  memoryMb: number;
  runs: CrashRun[];
}

const LIMIT_MS = 60_000;
/** As many crashes may follow each other; running for so long makes the agent forget them. */
const TRIES = 20;
const STABLE_MS = 61_000;

/** Kills the container's first process again and again; it has to serve again on the same host, with its memory. */
export async function crashBench(
  options: BenchOptions,
  progress: (line: string) => void,
): Promise<CrashResult> {
  const { engine, memoryMb, runs: count } = options;
  return withFilledRedis(options, { tries: TRIES }, progress, async (lab) => {
    const runs: CrashRun[] = [];
    for (let run = 1; run <= count; run += 1) {
      const result = await crash(lab, engine, `run-${run}`);
      progress(
        `run ${run} of ${count}: serves again on ${result.host} after ${result.outageMs} ms, gap of a connected client ${result.gapMs} ms`,
      );
      runs.push(result);
      if (run < count && run % TRIES === 0) await new Promise((resolve) => setTimeout(resolve, STABLE_MS));
    }
    return {
      ...percentiles(runs.map(({ outageMs }) => outageMs)),
      connected: percentiles(runs.map(({ gapMs }) => gapMs)),
      lostAcknowledged: runs.filter(({ keptMemory }) => !keptMemory).length,
      engine,
      memoryMb,
      runs,
    };
  });
}

async function crash(lab: Lab, engine: BenchOptions["engine"], marker: string): Promise<CrashRun> {
  const address = redisAddress(lab);
  const before = await untilContainer(lab, "redis", {
    what: "protection",
    limitMs: LIMIT_MS,
    holds: isProtected,
  });
  const host = before.primary!;
  await redisCommand(address, "SET", "run-marker", marker);
  const client = startCounting(address, "counter");
  await until(() => client.replies() > 0, "first replies", LIMIT_MS);
  await lab.exec(host, "container-ha checkpoint redis");
  const inspect = `${engine} inspect --format '{{.State.Pid}}' ${engineName("redis")}`;
  const pid = Number((await lab.exec(host, inspect)).trim());
  // One kernel, one clock: the host's wall clock is this machine's.
  const killedAt = Number(await lab.exec(host, `date +%s%3N; kill -KILL ${pid}`));
  const { at, reply } = await firstReply(address, ["GET", "run-marker"], LIMIT_MS);
  const gap = () => client.gapAfter(killedAt - performance.timeOrigin);
  await until(() => gap() !== undefined, "an answer to the connected client", LIMIT_MS);
  await client.stop();
  const after = await untilContainer(lab, "redis", {
    what: "its beginning anew",
    limitMs: LIMIT_MS,
    holds: ({ epoch, phase }) => epoch > before.epoch && phase === "RUNNING",
  });
  if (after.primary !== host) throw new Error(`${after.primary} serves, not ${host}, where it was killed`);
  return { host, outageMs: Math.round(at - killedAt), gapMs: gap()!.ms, keptMemory: reply === marker };
}
