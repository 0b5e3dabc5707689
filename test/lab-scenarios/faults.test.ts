import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { carryOut, RUN_LIMIT_MS } from "../faults/matrix-run";
import { dealFast } from "../faults/plan";
import { faultsOf, nameOf } from "../faults/report";
import { whyNoHosts } from "../support/lab";
import { skipBecause } from "../support/skip";

/** No run begins later; what was not reached is said, and comes in the whole matrix (`npm run faults`). */
const BUDGET_MS = 4 * 60_000;
/** To set the hosts up and to take them down. */
const AROUND_MS = 4 * 60_000;
const LIMIT_MS = AROUND_MS + BUDGET_MS + RUN_LIMIT_MS;
/** Fewer tell nothing. */
const LEAST_RUNS = 5;

describe("every single fault of the matrix, dealt by a fresh seed into short sequences on real hosts", function () {
  this.timeout(LIMIT_MS);

  it("makes no two hosts answer, loses no committed generation, and the group converges after each", async function () {
    const reason = whyNoHosts();
    if (reason !== undefined) skipBecause(this, reason);
    const seed = Number(process.env.CONTAINER_HA_SEED ?? randomInt(2 ** 31));
    const runs = dealFast(seed);
    console.log(`    seed ${seed}; again with CONTAINER_HA_SEED=${seed}`);
    const results = await carryOut(runs, {
      progress: (line) => console.log(`    ${line}`),
      budgetMs: BUDGET_MS,
    });
    if (results.length < runs.length)
      console.log(`    ${runs.length - results.length} of ${runs.length} sequences were not reached in time`);
    const failed = results.flatMap((result) => faultsOf(result).map((why) => `${nameOf(result)}: ${why}`));
    assert.deepEqual(failed, []);
    assert.ok(results.length >= LEAST_RUNS, `only ${results.length} sequences were run`);
  });
});
