import { runTrial } from "../trial";
import { executingMutants } from "./executing";
import { failsafeMutants } from "./failsafe";
import { fencingMutants } from "./fencing";
import { generationMutants } from "./generations";
import { handoverMutants } from "./handover";
import { leaseMutants } from "./lease";
import type { Mutant } from "./mutant";
import { ownershipMutants } from "./ownership";
import { waitingMutants } from "./waiting";

export const mutants: Mutant[] = [
  ...leaseMutants,
  ...waitingMutants,
  ...fencingMutants,
  ...ownershipMutants,
  ...generationMutants,
  ...handoverMutants,
  ...failsafeMutants,
  ...executingMutants,
];

/** A mutant that these seeds do not find has escaped. */
export const MUTANT_SEEDS = 6;

export interface Hunt {
  name: string;
  caught: boolean;
  /** The first seed that found it. */
  seed: number | null;
  /** What it broke there, or what else happened in vain. */
  violation: string | null;
}

/** Runs the mutant's schedules until one breaks what the mutant says it breaks. */
export async function hunt(mutant: Mutant): Promise<Hunt> {
  const undo = mutant.patch?.() ?? (() => {});
  let violation: string | null = null;
  try {
    for (let seed = 1; seed <= MUTANT_SEEDS; seed++) {
      const outcome = await runTrial(mutant.schedule(seed), mutant.tamper);
      violation = outcome.violation?.sentence ?? violation;
      if (outcome.violation && violation!.startsWith(mutant.breaks))
        return { name: mutant.name, caught: true, seed, violation };
    }
    return { name: mutant.name, caught: false, seed: null, violation };
  } finally {
    undo();
  }
}
