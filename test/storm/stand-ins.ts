import { redisImage } from "../lab/image";
import { redisCommand } from "../support/redis-client";
import type { StepBack, Workload, WorkloadClient } from "../workloads/workload";

const KEY = "work";
const PACE_MS = 20;

/** Redis that counts. */
const redis: Workload = {
  name: "redis",
  image: redisImage,
  command: redisImage.command!,
  envs: [],
  probe: { tcp: { port: 6379 } },
  startPeriod: 20,
  client: startCounting,
};

export const workloads: Workload[] = [redis];

function startCounting(address: string): WorkloadClient {
  const stepsBack: StepBack[] = [];
  let acknowledged = 0;
  let behind = 0;
  let stopped = false;
  const count = async (by: string) => Number(await redisCommand(address, "INCRBY", KEY, by)) + behind;
  const run = async () => {
    while (!stopped) {
      const counted = await count("1").catch(() => null);
      if (counted !== null && counted < acknowledged) {
        behind += acknowledged + 1 - counted;
        stepsBack.push({ at: performance.now(), acknowledged, remembered: counted - 1 });
      }
      if (counted !== null) acknowledged += 1;
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
  };
  const finished = run();
  return {
    acknowledged: () => acknowledged,
    remembered: () => count("0"),
    stepsBack: () => stepsBack,
    reconnects: () => 0,
    longestGapMs: () => 0,
    faults: () => [],
    async stop() {
      stopped = true;
      await finished;
    },
  };
}
