import assert from "node:assert/strict";
import { judgeExec } from "../../../../provider/agent/env/runtime/probe-exec";

describe("An exec probe", () => {
  const judge = (began: boolean, code: number, stderr = "") =>
    judgeExec("command ask", { code, stdout: "", stderr }, began);

  it("is judged by the exit code of a command that began, whatever its number", () => {
    assert.deepEqual(judge(true, 0), { result: "healthy" });
    for (const code of [1, 125, 126, 127, 255])
      assert.deepEqual(judge(true, code, "starting\nno answer\n"), {
        result: "failed",
        fault: `command ask: exit code ${code}, no answer`,
      });
  });

  it("has no result where the command did not begin", () => {
    for (const said of [
      "cannot exec in a paused container (use --ignore-paused to override)",
      "container r1 does not exist",
      "exec failed: unable to start container process: error executing setns process: exit status 1",
      "",
    ])
      assert.equal(judge(false, 255, said).result, "unasked", said);
  });

  it("has failed where the container has no such program, which no host could run", () => {
    for (const said of [
      'exec failed: unable to start container process: exec: "ask": executable file not found in $PATH',
      'exec failed: unable to start container process: exec: "/ask": stat /ask: no such file or directory',
      'exec failed: unable to start container process: exec: "/ask": permission denied',
      "exec failed: unable to start container process: exec /ask: exec format error",
    ])
      assert.equal(judge(false, 255, said).result, "failed", said);
  });
});
