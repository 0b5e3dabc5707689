import { timingOf } from "../../../provider/contract";
import { createRandom, type Random } from "../random";
import { type Happening, mostDrift, type Schedule } from "../schedule";
import type { Tamper } from "../tamper";
import { instantaneous } from "../world";

/** One way to get the protocol wrong. The product has no switch for it: it is put in from outside. */
export interface Mutant {
  name: string;
  /** What is done wrong. */
  mistake: string;
  /** What is broken then: the beginning of the violation's sentence, as `I1`. */
  breaks: string;
  /** Takes the place of ports of the product. */
  tamper?: Partial<Tamper>;
  /** Takes the place of functions of the product; returns what puts them back. */
  patch?(): () => void;
  /** A run that leads there. The product itself has to stand it. */
  schedule(seed: number): Schedule;
}

/** A schedule for a mutant: three hosts, `db` on a with a generation on b, a's clock as slow as allowed. */
export function leading(
  happenings: (random: Random) => [at: number, text: string][],
  change: Partial<Schedule> = {},
): (seed: number) => Schedule {
  return (seed) => {
    const random = createRandom(Math.imul(seed, 0x85ebca6b));
    const timing = change.timing ?? timingOf("fast", false);
    const drift = mostDrift(timing);
    const made: Happening[] = happenings(random).map(([at, text]) => ({ at: Math.round(at), text }));
    return {
      seed,
      hosts: ["a", "b", "c"],
      rates: { a: 1 - drift, b: 1 + drift, c: 1 + drift },
      timing,
      durations: instantaneous,
      containers: [{ preferredHost: "a" }],
      checkpointMs: 2000,
      happenings: made.sort((one, other) => one.at - other.at),
      ...change,
    };
  };
}

/** The owner's lease was long until a moment ago, and its agent stands still while it is cut off from the store. */
export const afterALongLease = leading((random) => [
  [500, "timing slow"],
  [3000, "pause primary agent for 4 s"],
  [3050, "timing fast"],
  [3500 + random.between(0, 300), "network primary off from store"],
  [9000, "network all on"],
]);

/** The same trouble so many times, each after a pause in which all becomes well again. */
export function again(
  random: Random,
  rounds: number,
  pauseMs: number,
  trouble: (at: number) => [number, string][],
): [number, string][] {
  return Array.from({ length: rounds }, (_, round) =>
    trouble(1000 + round * pauseMs + random.between(0, 700)),
  ).flat();
}

/** Replaces a function that a module exports, for all who import it; returns what puts it back. */
export function replaceExport<M extends object, K extends keyof M>(
  module: M,
  name: K,
  wrap: (original: M[K]) => M[K],
): () => void {
  const original = module[name];
  module[name] = wrap(original);
  return () => {
    module[name] = original;
  };
}
