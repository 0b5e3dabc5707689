import assert from "node:assert/strict";
import { CommandError, run, tryRun } from "../../../../provider/agent/env/runtime/exec";

describe("running a program of the host", () => {
  it("gives its output and takes its input", async () => {
    assert.equal(await run(["cat"], { input: "two\nlines" }), "two\nlines");
  });

  it("fails with the program's last lines, not with its arguments", async () => {
    const script = "echo first >&2; for i in 1 2 3 4 5 6; do echo line $i >&2; done; exit 3";
    await assert.rejects(run(["sh", "-c", script, "a", "b", "secret"]), (error: Error) => {
      assert.match(error.message, /failed with exit status 3: line 1\n.*line 6$/s);
      assert.doesNotMatch(error.message, /first\n|secret$/);
      return true;
    });
  });

  it("says that a program is not installed", async () => {
    await assert.rejects(run(["no-such-program", "x"]), /`no-such-program` is not installed/);
  });

  it("ends a program that does not end in time", async () => {
    await assert.rejects(run(["sleep", "60"], { timeoutMs: 50 }), /`sleep 60` did not end within 0.05 s/);
  });

  it("waits no longer for a program that is killed and has left another one with its output", async () => {
    const begun = performance.now();
    const late = run(["sh", "-c", "sleep 20 & exec sleep 20"], { timeoutMs: 50 });
    await assert.rejects(late, (error: Error) => error instanceof CommandError && error.timedOut);
    assert.ok(performance.now() - begun < 10_000);
  });

  it("keeps a failure as a result where asked, and passes no variables of its own process on", async () => {
    process.env.RUNTIME_TEST_SECRET = "x";
    const result = await tryRun(["sh", "-c", 'echo "$RUNTIME_TEST_SECRET$GIVEN"; exit 1'], {
      env: { GIVEN: "y" },
    });
    delete process.env.RUNTIME_TEST_SECRET;
    assert.deepEqual(result, { code: 1, stdout: "y\n", stderr: "" });
  });
});
