import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { textOf } from "../storm/report";
import { runStorm } from "../storm/run";
import { whyNoHosts } from "../support/lab";
import { skipBecause } from "../support/skip";

const MINUTES = 5;
const CONTAINERS = 6;
/** To set the hosts up, to heal them and to take them down. */
const AROUND_MS = 10 * 60_000;

describe("five minutes of storm over real programs, by a fresh seed, on real hosts", function () {
  this.timeout(MINUTES * 60_000 + AROUND_MS);

  it("loses nothing acknowledged, lets no two hosts answer, and is as declared afterwards; how long who was dark is told", async function () {
    const reason = whyNoHosts();
    if (reason !== undefined) skipBecause(this, reason);
    const seed = Number(process.env.CONTAINER_HA_SEED ?? randomInt(2 ** 31));
    console.log(`    seed ${seed}; again with CONTAINER_HA_SEED=${seed}`);
    const result = await runStorm({ minutes: MINUTES, containers: CONTAINERS, seed }, (line) =>
      console.log(`    ${line}`),
    );
    console.log(textOf(result).replace(/^/gm, "    "));
    // How long nobody was served depends on the machine: `npm run storm` judges that, on one that has nothing else to do.
    assert.deepEqual(result.why, []);
    assert.ok(result.faults > 0 && result.moves > 0 && result.failovers > 0, "nothing happened");
  });
});
