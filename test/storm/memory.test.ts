import assert from "node:assert/strict";
import type { Change, Life } from "../faults/judge";
import { firstMemory, judgeMemory, type Loss } from "./memory";

describe("what a program in a storm may have forgotten", () => {
  const life = (epoch: number, runningSince: number, more: Partial<Life> = {}): Life => ({
    ...{ epoch, runningSince, host: `ha${epoch}`, gen: null, named: null, moved: false },
    ...more,
  });
  const commits = (epoch: number, gen: number, at: number): Change => ({
    type: "generation",
    named: { epoch, gen, holders: ["ha1"], at },
  });
  /** One piece of work is acknowledged each 10 ms, but for the times in which nothing is. */
  const working =
    (...pauses: [number, number][]) =>
    (at: number) => {
      const pause = pauses.find(([from, to]) => at >= from && at < to);
      const lastAt = pause ? pause[0] : at;
      const paused = pauses.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(lastAt, to) - from), 0);
      return { count: Math.floor((lastAt - paused) / 10), lastAt };
    };
  const loss = (at: number, remembered: number): Loss => ({ at, remembered, acknowledged: 300 });
  const first = life(1, 0);
  const restored = life(2, 3_500, { gen: { epoch: 1, gen: 2 } });
  const changes = [commits(1, 1, 1_000), commits(1, 2, 2_000)];
  const judged = (lives: Life[], losses: Loss[], all = changes) =>
    judgeMemory(firstMemory(), { lives, changes: all, losses, acknowledgedAt: working([3_000, 4_000]) });

  it("is what came after the generation that it began from", () => {
    assert.deepEqual(judged([first, restored], [loss(4_000, 150)]), []);
  });

  it("is nothing that was acknowledged before the generation was begun", () => {
    assert.equal(judged([first, restored], [loss(4_000, 99)]).length, 1);
  });

  it("is nothing where it was moved", () => {
    const moved = life(2, 3_500, { moved: true });
    assert.deepEqual(judged([first, moved], []), []);
    assert.equal(judged([first, moved], [loss(4_000, 299)]).length, 1);
  });

  it("is not what a life had forgotten before, where its first generation is restored unheard", () => {
    const again = life(3, 3_900, { gen: { epoch: 2, gen: 1 } });
    assert.deepEqual(
      judged([first, restored, again], [loss(4_000, 120)], [...changes, commits(2, 1, 3_700)]),
      [],
    );
  });

  it("is known from one look to the next", () => {
    const memory = firstMemory();
    const acknowledgedAt = working([3_000, 4_000]);
    assert.deepEqual(judgeMemory(memory, { lives: [first], changes, losses: [], acknowledgedAt }), []);
    const found = judgeMemory(memory, {
      ...{ lives: [first, restored], changes: [], acknowledgedAt },
      losses: [loss(4_000, 50)],
    });
    assert.equal(found.length, 1);
  });
});
