import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { carryOut } from "../faults/matrix-run";
import { dealFast } from "../faults/plan";
import { faultsOf, nameOf } from "../faults/report";
import { whyNoHosts } from "../support/lab";
import { skipBecause } from "../support/skip";

/** Runs that do not fit into the time are left out; which ones is a matter of the seed. */
const BUDGET_MS = 5 * 60_000;

/** The bounded part of `npm run faults`: every single fault, three to a run, in an order of its own each time. */
describe("the fault matrix in its fast form on real hosts", function () {
  this.timeout(BUDGET_MS * 2);

  it("shows no overlap, no lost generation and no group that stays broken", async function () {
    const reason = whyNoHosts();
    if (reason !== undefined) return skipBecause(this, reason);
    const seed = randomInt(2 ** 31);
    const runs = dealFast(seed);
    const results = await carryOut(runs, {
      progress: (line) => console.log(`      ${line}`),
      budgetMs: BUDGET_MS,
    });
    console.log(`      ${results.length} of ${runs.length} runs by seed ${seed} within the time`);
    const failures = results.flatMap((result) =>
      faultsOf(result).map((why) => `npm run faults -- --only ${nameOf(result)} --seed ${seed}: ${why}`),
    );
    assert.deepEqual(failures, []);
    assert.ok(results.length > 3, `only ${results.length} runs fitted into the time`);
  });
});
