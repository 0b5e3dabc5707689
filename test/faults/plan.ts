import { createRandom } from "../sim/random";
import { singleFaults } from "./matrix";
import type { Fault } from "./scene";

/** The faults of one run, one after the other, and the pauses between them. */
export interface PlannedRun {
  faults: Fault[];
  pausesMs: number[];
}

const LONGEST_SEQUENCE = 3;
const LONGEST_PAUSE_MS = 1500;

/**
 * Every single fault once, then random pairs and sequences by the seed; `runs` cuts the list or goes on with it.
 * `only`: these runs, each as often, `a+b` for a sequence.
 */
export function planRuns({
  runs,
  only,
  seed,
}: {
  runs: number | null;
  only: string[];
  seed: number;
}): PlannedRun[] {
  const random = createRandom(seed);
  const pauses = (count: number) =>
    Array.from({ length: count - 1 }, () => Math.round(random.between(0, LONGEST_PAUSE_MS)));
  const planned = (faults: Fault[]): PlannedRun => ({ faults, pausesMs: pauses(faults.length) });
  if (only.length > 0) {
    const rounds = Array.from({ length: runs ?? 1 }, () => only).flat();
    return rounds.map((name) => planned(name.split("+").map(faultNamed)));
  }
  const singles = singleFaults.map((fault) => planned([fault]));
  const more = Math.max(0, (runs ?? singles.length) - singles.length);
  const sequences = Array.from({ length: more }, () => {
    const length = Math.round(random.between(2, LONGEST_SEQUENCE));
    return planned(Array.from({ length }, () => random.pick(singleFaults)));
  });
  return [...singles, ...sequences].slice(0, runs ?? singles.length);
}

/** Every single fault, dealt by the seed into sequences: all of them in a third of the time. */
export function dealFast(seed: number): PlannedRun[] {
  const random = createRandom(seed);
  const shuffled = singleFaults
    .map((fault) => ({ fault, at: random.float() }))
    .sort((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
  const runs: PlannedRun[] = [];
  for (let from = 0; from < shuffled.length; from += LONGEST_SEQUENCE) {
    const faults = shuffled.slice(from, from + LONGEST_SEQUENCE);
    const pausesMs = faults.slice(1).map(() => Math.round(random.between(0, LONGEST_PAUSE_MS)));
    runs.push({ faults, pausesMs });
  }
  return runs;
}

export function faultNamed(name: string): Fault {
  const found = singleFaults.find((fault) => fault.name === name);
  if (!found)
    throw new Error(
      `no fault is named "${name}"; there are ${singleFaults.map((one) => one.name).join(", ")}`,
    );
  return found;
}
