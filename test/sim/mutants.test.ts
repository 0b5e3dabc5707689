import assert from "node:assert/strict";
import { hunt, mutants } from "./mutants";
import { runTrial } from "./trial";

/** The simulator is believed because it finds these. */
describe("Mistakes in the protocol", () => {
  it("are known in at least forty kinds, each by a name of its own", () => {
    assert.ok(mutants.length >= 40);
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length);
  });

  for (const mutant of mutants) {
    it(`are found where ${mutant.mistake}, and the product stands the same run`, async function () {
      this.timeout(60_000);
      const { caught, seed, violation } = await hunt(mutant);
      assert.ok(caught, `${mutant.name} escaped; what else was seen: ${violation}`);
      const honest = await runTrial(mutant.schedule(seed!));
      assert.equal(honest.violation, null, honest.violation?.story.join("\n"));
    });
  }
});
