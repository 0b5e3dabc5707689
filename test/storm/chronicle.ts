import type { Happened } from "./bounds";
import { carryOut, whyNot } from "./carry-out";
import { describe, type Kind, type Trouble } from "./plan";
import type { Stage } from "./stage";

/** What was done to the hosts and the containers, and when. */
export interface Chronicle {
  /** Carries a trouble out; false: that was refused. */
  carryOut(trouble: Trouble): Promise<boolean>;
  /** What may still be felt, and what lasts. */
  happened(): Happened[];
  counts(): Partial<Record<Kind, { done: number; refused: number }>>;
}

/** Longer than the longest bound. */
const FELT_MS = 5 * 60_000;

export function startChronicle(stage: Stage, progress: (line: string) => void): Chronicle {
  const startedAt = Date.now();
  let happened: Happened[] = [];
  const counts: ReturnType<Chronicle["counts"]> = {};
  const tell = (line: string) =>
    progress(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${line}`);
  return {
    async carryOut(trouble) {
      counts[trouble.kind] ??= { done: 0, refused: 0 };
      const refuse = (why: string) => {
        counts[trouble.kind]!.refused += 1;
        tell(`not done: ${describe(trouble)}: ${firstLines(why)}`);
        return false;
      };
      const reason = await whyNot(trouble, stage).catch((error: Error) => error.message);
      if (reason !== null) return refuse(reason);
      tell(describe(trouble));
      const one: Happened = { trouble, from: Date.now(), to: Number.POSITIVE_INFINITY };
      happened = [...happened.filter(({ to }) => to > Date.now() - FELT_MS), one];
      try {
        await carryOut(trouble, stage);
        counts[trouble.kind]!.done += 1;
        return true;
      } catch (error) {
        return refuse((error as Error).message);
      } finally {
        one.to = Date.now();
      }
    },
    happened: () => happened,
    counts: () => counts,
  };
}

/** A failed run of Pulumi says much. */
function firstLines(text: string): string {
  const lines = text.trim().split("\n");
  return lines.length <= 6 ? lines.join("\n") : [...lines.slice(0, 3), "...", ...lines.slice(-3)].join("\n");
}
