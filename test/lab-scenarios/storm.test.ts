import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { brokenSentences, textOf } from "../storm/report";
import { runStorm } from "../storm/run";
import { whyNoHosts } from "../support/lab";
import { skipBecause } from "../support/skip";

const MINUTES = 5;
/** To set the hosts up, to heal them and to take them down. */
const AROUND_MS = 10 * 60_000;

describe("five minutes of storm over real programs, by a fresh seed, on real hosts", function () {
  this.timeout(MINUTES * 60_000 + AROUND_MS);

  it("leaves no program dark without a reason, nothing acknowledged lost, no two hosts answering, and all as declared", async function () {
    const reason = whyNoHosts();
    if (reason !== undefined) skipBecause(this, reason);
    const seed = Number(process.env.CONTAINER_HA_SEED ?? randomInt(2 ** 31));
    console.log(`    seed ${seed}; again with CONTAINER_HA_SEED=${seed}`);
    const result = await runStorm({ minutes: MINUTES, containers: 8, seed }, (line) =>
      console.log(`    ${line}`),
    );
    console.log(textOf(result).replace(/^/gm, "    "));
    assert.deepEqual(brokenSentences(result), []);
    assert.ok(result.faults > 0 && result.moves > 0 && result.failovers > 0, "nothing happened");
  });
});
