import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

export interface FaultOptions {
  runs: number | null;
  /** Runs by name: one fault, or several joined by `+`. */
  only: string[];
  seed: number;
  json: boolean;
}

export const usage = "usage: npm run faults -- [--runs N] [--only NAME[+NAME...]]... [--seed S] [--json]";

/** Null where the words do not fit. */
export function readOptions(args: string[]): FaultOptions | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        runs: { type: "string" },
        only: { type: "string", multiple: true, default: [] },
        seed: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const runs = values.runs === undefined ? null : Number(values.runs);
    const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
    if (!Number.isInteger(seed) || (runs !== null && (!Number.isInteger(runs) || runs < 1))) return null;
    return { runs, only: values.only, seed, json: values.json };
  } catch {
    return null;
  }
}
