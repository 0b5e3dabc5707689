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
  const planned = (faults: Fault[]) => withPauses(faults, random);
  if (only.length > 0) {
    const rounds = Array.from({ length: runs ?? 1 }, () => only).flat();
    return rounds.map((name) => planned(name.split("+").map(faultNamed)));
  }
  const singles = singleFaults.map((fault) => planned([fault]));
  const more = Math.max(0, (runs ?? singles.length) - singles.length);
  const sequences = Array.from({ length: more }, () => {
    const length = Math.round(random.between(2, LONGEST_SEQUENCE));
    const faults: Fault[] = [];
    while (faults.length < length) {
      const fault = random.pick(singleFaults);
      if (fits(fault, faults)) faults.push(fault);
    }
    return planned(faults);
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
  const runs: Fault[][] = Array.from({ length: Math.ceil(shuffled.length / LONGEST_SEQUENCE) }, () => []);
  for (const fault of shuffled) {
    const open = runs.find((faults) => faults.length < LONGEST_SEQUENCE && fits(fault, faults));
    if (open) open.push(fault);
    else runs.push([fault]);
  }
  return runs.map((faults) => withPauses(faults, random));
}

function withPauses(faults: Fault[], random: ReturnType<typeof createRandom>): PlannedRun {
  const pausesMs = faults.slice(1).map(() => Math.round(random.between(0, LONGEST_PAUSE_MS)));
  return { faults, pausesMs };
}

/**
 * Who has root and takes the gate away while the process that would notice stands still has opened it: that two hosts
 * may answer then is said in the README, and a frozen copy's kernel sends its last reply again.
 */
function fits({ gate }: Fault, others: Fault[]): boolean {
  return gate === undefined || others.every((other) => other.gate === undefined || other.gate === gate);
}

export function faultNamed(name: string): Fault {
  const found = singleFaults.find((fault) => fault.name === name);
  if (!found)
    throw new Error(
      `no fault is named "${name}"; there are ${singleFaults.map((one) => one.name).join(", ")}`,
    );
  return found;
}
