import assert from "node:assert/strict";
import { regressions } from "./regressions";
import { scheduleOf } from "./schedule";
import { runTrial } from "./trial";

const SEEDS = 20;

describe("Random faults in a simulated group", () => {
  it(`never make two hosts answer, lose what was acknowledged or leave it down, in ${SEEDS} seeds`, async function () {
    this.timeout(120_000);
    let takeovers = 0;
    for (let seed = 1; seed <= SEEDS; seed++) takeovers += await passes(seed);
    // A search that never fails over would prove nothing.
    assert.ok(takeovers >= 2 * SEEDS, `${takeovers} takeovers in ${SEEDS} seeds`);
  });

  for (const { seed, found } of regressions) {
    it(`do no harm in seed ${seed}, which once found that ${found}`, async function () {
      this.timeout(30_000);
      await passes(seed);
    });
  }
});

/** How often the container changed hands. */
async function passes(seed: number): Promise<number> {
  const { violation, takeovers } = await runTrial(scheduleOf(seed));
  assert.equal(violation, null, violation ? `${violation.sentence}\n${violation.story.join("\n")}` : "");
  return takeovers;
}
