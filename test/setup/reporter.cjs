// Mocha's own Spec reporter, which also writes what happened to CONTAINER_HA_TEST_RESULT as JSON, so that
// the results of several runs can be added up.
const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

class SummedSpec extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const file = process.env.CONTAINER_HA_TEST_RESULT;
    if (file === undefined) return;
    const result = { running: "the first hook", passed: 0, failed: [], skipped: [] };
    const { EVENT_TEST_BEGIN, EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } =
      Runner.constants;
    // Written at each test, so that of a run that hangs or crashes the rest is known.
    const write = () => writeFileSync(file, JSON.stringify(result));
    runner.on(EVENT_TEST_BEGIN, (test) => {
      result.running = test.fullTitle();
      write();
    });
    runner.on(EVENT_TEST_PASS, () => {
      result.passed += 1;
    });
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      result.failed.push({ title: test.fullTitle(), why: error?.message ?? String(error) });
    });
    runner.on(EVENT_TEST_PENDING, (test) => {
      result.skipped.push({ title: test.fullTitle(), why: reasonOf(test) });
    });
    runner.on(EVENT_RUN_END, () => {
      delete result.running;
      write();
    });
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
