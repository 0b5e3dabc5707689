import { defaultLabId, withLab } from "../lab/with-lab";
import { isProtected, untilContainer } from "../support/group";
import { redisStack } from "../support/redis-story";
import { cpuUsec, pssMb, unitsOf } from "./unit-usage";

export interface Footprint {
  /** Lease, agent and their children on the primary's host: proportional set size, MB. */
  pssMb: number;
  /** Share of one core while nothing happens, default profile and fast profile, checkpoints apart. */
  cpuPercent: number;
  cpuPercentFast: number;
  etcd: { pssMb: number; cpuPercent: number; cpuPercentFast: number };
}

const WINDOW_S = 60;
/** Checkpoints are work that a schedule asks for, not idling: none falls into the window. */
const NO_CHECKPOINT_S = 3600;

export async function footprintBench(progress: (line: string) => void): Promise<Footprint> {
  const quiet = await measure("default", progress);
  const fast = await measure("fast", progress);
  return {
    pssMb: Math.max(quiet.product.pssMb, fast.product.pssMb),
    cpuPercent: quiet.product.cpuPercent,
    cpuPercentFast: fast.product.cpuPercent,
    etcd: {
      pssMb: Math.max(quiet.etcd.pssMb, fast.etcd.pssMb),
      cpuPercent: quiet.etcd.cpuPercent,
      cpuPercentFast: fast.etcd.cpuPercent,
    },
  };
}

async function measure(profile: "default" | "fast", progress: (line: string) => void) {
  return withLab({ id: `${defaultLabId()}-bench`, hosts: 3 }, async (lab) => {
    const stack = await redisStack(lab, { profile, checkpointSeconds: NO_CHECKPOINT_S });
    try {
      progress(`setting up a group of three hosts, profile ${profile}`);
      const up = await stack.up();
      if (up.code !== 0) throw new Error(`pulumi up failed:\n${up.output}`);
      const { primary } = await untilContainer(lab, "redis", {
        what: "protection",
        limitMs: 60_000,
        holds: isProtected,
      });
      progress(`measuring ${primary} for ${WINDOW_S} s`);
      const before = {
        product: await cpuUsec(lab, primary!, unitsOf.product),
        etcd: await cpuUsec(lab, primary!, unitsOf.etcd),
      };
      const startedAt = performance.now();
      await new Promise((resolve) => setTimeout(resolve, WINDOW_S * 1000));
      const share = async (part: "product" | "etcd") => {
        const used = (await cpuUsec(lab, primary!, unitsOf[part])) - before[part];
        return round(used / 10 / (performance.now() - startedAt));
      };
      const memory = async (part: "product" | "etcd") => round(await pssMb(lab, primary!, unitsOf[part]));
      return {
        product: { cpuPercent: await share("product"), pssMb: await memory("product") },
        etcd: { cpuPercent: await share("etcd"), pssMb: await memory("etcd") },
      };
    } finally {
      stack.dispose();
    }
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
