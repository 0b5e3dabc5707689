import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

export interface StormOptions {
  minutes: number;
  containers: number;
  seed: number;
}

export const usage = "usage: npm run storm -- [--minutes N] [--containers N] [--seed S] [--json]";

/** Addresses .100 to .199 are free for virtual IPs. */
const MOST_CONTAINERS = 100;

/** Null where the words do not fit. */
export function readOptions(args: string[]): (StormOptions & { json: boolean }) | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        minutes: { type: "string", default: "5" },
        containers: { type: "string", default: "8" },
        seed: { type: "string", default: String(randomInt(2 ** 31)) },
        json: { type: "boolean", default: false },
      },
    });
    const [minutes, containers, seed] = [values.minutes, values.containers, values.seed].map(Number);
    if (!(minutes! > 0) || !Number.isInteger(seed)) return null;
    if (!Number.isInteger(containers) || containers! < 1 || containers! > MOST_CONTAINERS) return null;
    return { minutes: minutes!, containers: containers!, seed: seed!, json: values.json };
  } catch {
    return null;
  }
}

/** How the same storm comes again. */
export function repeatCommand({ minutes, containers, seed }: StormOptions): string {
  return `npm run storm -- --minutes ${minutes} --containers ${containers} --seed ${seed}`;
}
