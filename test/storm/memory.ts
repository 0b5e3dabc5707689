import { type Change, clockTime, keyOf, type Life } from "../faults/judge";

/** A new session found less than was acknowledged: all up to `remembered` is there. Unix ms. */
export interface Loss {
  at: number;
  acknowledged: number;
  remembered: number;
}

/** What was acknowledged until then, and when the last of it was; Unix ms. */
export type AcknowledgedAt = (at: number) => { count: number; lastAt: number };

/** What has to be remembered from one look to the next. */
export interface MemoryJudgement {
  life: Life | null;
  /** The least that the present life began with. */
  start: number;
  /** The least that its next generation holds. */
  mark: number;
  /** The least that each generation holds. */
  floors: Map<string, number>;
}

/** More than are kept by any schedule. */
const FLOORS_LIMIT = 100;
/** What was on its way when the old life ended is read by the client, if its program is slow, so much later. */
const READ_LATE_MS = 100;

export function firstMemory(): MemoryJudgement {
  return { life: null, start: 0, mark: 0, floors: new Map() };
}

/**
 * Judges what a program has forgotten against what its generation has to hold, and updates `memory`. `lives` are all
 * that the records know, `losses` and `changes` those since the last look. Sentences; none: nothing is lost that was
 * promised.
 */
export function judgeMemory(
  memory: MemoryJudgement,
  o: { lives: Life[]; changes: Change[]; losses: Loss[]; acknowledgedAt: AcknowledgedAt },
): string[] {
  const found: string[] = [];
  const begun = o.lives.filter(
    ({ epoch, runningSince }) => runningSince !== null && epoch > (memory.life?.epoch ?? 0),
  );
  const commits = o.changes.flatMap((change) =>
    change.type === "generation" && change.named ? [change.named] : [],
  );
  const events = [
    ...begun.map((life) => ({
      at: life.runningSince!,
      judge: () => beginLife(memory, life, o.acknowledgedAt),
    })),
    ...commits.map((named) => ({
      at: named.at,
      judge: () => commit(memory, named, o.acknowledgedAt),
    })),
    ...o.losses.map((loss) => ({
      at: loss.at,
      judge: () => {
        if (loss.remembered >= memory.start) return;
        const { life } = memory;
        const where = life ? `${life.host} at epoch ${life.epoch}` : "before any life";
        found.push(
          `${where}, ${clockTime(loss.at)}: remembers ${loss.remembered} of ${loss.acknowledged}, but began from what holds at least ${memory.start}`,
        );
      },
    })),
  ];
  for (const { judge } of events.sort((a, b) => a.at - b.at)) judge();
  for (const name of memory.floors.keys()) {
    if (memory.floors.size <= FLOORS_LIMIT) break;
    memory.floors.delete(name);
  }
  return found;
}

function beginLife(memory: MemoryJudgement, life: Life, acknowledgedAt: AcknowledgedAt): void {
  const start = life.moved
    ? known(memory, life.runningSince!, acknowledgedAt, memory.start)
    : life.gen
      ? (memory.floors.get(keyOf(life.gen)) ?? 0)
      : 0;
  Object.assign(memory, { life, start, mark: start });
}

function commit(
  memory: MemoryJudgement,
  { epoch, gen, at }: { epoch: number; gen: number; at: number },
  acknowledgedAt: AcknowledgedAt,
): void {
  const name = keyOf({ epoch, gen });
  // The record of a generation is written again with each new holder; its memory is of its first commit.
  if (memory.floors.has(name) || memory.life?.epoch !== epoch) return;
  memory.floors.set(name, memory.mark);
  memory.mark = known(memory, at, acknowledgedAt, memory.mark);
}

/**
 * What the present life surely has at that time: what was acknowledged, if any of it was within this life. Before, the
 * client has not yet seen what the beginning has cost.
 */
function known(
  { life }: MemoryJudgement,
  at: number,
  acknowledgedAt: AcknowledgedAt,
  otherwise: number,
): number {
  const { count, lastAt } = acknowledgedAt(at);
  return life && lastAt > life.runningSince! + READ_LATE_MS ? count : otherwise;
}
