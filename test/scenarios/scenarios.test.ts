import assert from "node:assert/strict";
import { readScenario, runScenario, scenarioNames } from "./run";

/** Each title is the first sentence of the scenario's README. */
describe("Scenarios", () => {
  it("are enough for what an operator would ask about", () => {
    assert.ok(scenarioNames().length >= 40);
  });

  for (const name of scenarioNames()) {
    const { intent, expected } = readScenario(name);
    it(`${name}: ${intent.split("\n")[0]}`, async () => {
      // Where the new log is right: npm run sim -- --scenario NAME --write
      assert.equal(await runScenario(name), expected);
    });
  }
});
