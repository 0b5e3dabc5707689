// Mocha's own Spec reporter, which at the end also writes what happened to CONTAINER_HA_TEST_RESULT as JSON, so that
// the results of several runs can be added up.
const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

class SummedSpec extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const file = process.env.CONTAINER_HA_TEST_RESULT;
    if (file === undefined) return;
    const result = { passed: 0, failed: [], skipped: [] };
    const { EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } = Runner.constants;
    runner.on(EVENT_TEST_PASS, () => {
      result.passed += 1;
    });
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      result.failed.push({ title: test.fullTitle(), why: error?.message ?? String(error) });
    });
    runner.on(EVENT_TEST_PENDING, (test) => {
      result.skipped.push({ title: test.fullTitle(), why: reasonOf(test) });
    });
    runner.on(EVENT_RUN_END, () => writeFileSync(file, JSON.stringify(result)));
  }
}

/** The reason that `skipBecause` left on the test or on a suite around it. */
function reasonOf(test) {
  for (let node = test; node !== undefined; node = node.parent) {
    if (node.skipReason !== undefined) return node.skipReason;
  }
  return "no reason given";
}

module.exports = SummedSpec;
