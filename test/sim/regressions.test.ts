import { regressions } from "./regressions";
import { runPassing } from "./trial";

describe("Random faults that were found to do harm", () => {
  for (const { seed, found } of regressions) {
    it(`do none in seed ${seed}, which once found that ${found}`, async function () {
      this.timeout(30_000);
      await runPassing(seed);
    });
  }
});
