import assert from "node:assert/strict";
import { singleFaults } from "./matrix";
import { dealFast, planRuns } from "./plan";

describe("the plan of a fault matrix", () => {
  const names = (runs: { faults: { name: string }[] }[]) =>
    runs.map(({ faults }) => faults.map(({ name }) => name).join("+"));
  const allNames = singleFaults.map(({ name }) => name);

  it("has every single fault once, under a name of its own", () => {
    assert.equal(new Set(allNames).size, allNames.length);
    assert.deepEqual(names(planRuns({ runs: null, only: [], seed: 1 })), allNames);
  });

  it("goes on with sequences by the seed, the same for the same seed", () => {
    const plan = (seed: number) => planRuns({ runs: allNames.length + 20, only: [], seed });
    assert.deepEqual(plan(1), plan(1));
    assert.notDeepEqual(names(plan(1)), names(plan(2)));
    assert.ok(
      plan(1)
        .slice(allNames.length)
        .every(({ faults }) => faults.length > 1),
    );
  });

  it("repeats named runs, sequences too, and says which names there are", () => {
    const only = ["power-cut-primary", "nft-flush+kill-agent-primary"];
    assert.deepEqual(names(planRuns({ runs: 2, only, seed: 1 })), [...only, ...only]);
    assert.throws(
      () => planRuns({ runs: 1, only: ["fire"], seed: 1 }),
      /no fault is named "fire"; there are power-cut/,
    );
  });

  it("deals every single fault once into the fast form", () => {
    const dealt = dealFast(7).flatMap(({ faults }) => faults.map(({ name }) => name));
    assert.deepEqual(dealt.sort(), [...allNames].sort());
  });

  it("never takes the gate away in the run in which nobody would notice", () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      for (const { faults } of [...dealFast(seed), ...planRuns({ runs: 150, only: [], seed })]) {
        const gates = new Set(faults.flatMap(({ gate }) => gate ?? []));
        assert.ok(gates.size <= 1, faults.map(({ name }) => name).join("+"));
      }
    }
  });
});
