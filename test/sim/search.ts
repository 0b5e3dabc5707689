import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Outcome } from "./trial";

/** Runs the seeds on all cores, in any order; `onOutcome` hears of each as it ends. */
export async function searchSeeds(seeds: number[], onOutcome: (outcome: Outcome) => void): Promise<void> {
  const left = [...seeds];
  const cores = Math.min(availableParallelism(), left.length);
  await Promise.all(Array.from({ length: cores }, () => work(left, onOutcome)));
}

/** One worker takes seeds until none is left. */
function work(left: number[], onOutcome: (outcome: Outcome) => void): Promise<void> {
  const worker = new Worker(join(__dirname, "seed-worker.js"));
  return new Promise((resolve, reject) => {
    const next = () => {
      const seed = left.shift();
      if (seed !== undefined) worker.postMessage(seed);
      else void worker.terminate().then(() => resolve());
    };
    worker.on("message", (outcome: Outcome) => {
      onOutcome(outcome);
      next();
    });
    worker.on("error", reject);
    next();
  });
}
