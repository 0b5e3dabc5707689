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

  const line = (message: string) =>
    `time="2026-11-30T17:29:52Z" level=error msg=${JSON.stringify(`exec failed: ${message}`)}\n`;

  it("has no result where the command did not begin", () => {
    for (const said of [
      "cannot exec in a paused container (use --ignore-paused to override)",
      "unable to start container process: error adding pid 213 to cgroups: failed to write 213: openat2 /sys/fs/cgroup/x/cgroup.procs: no such file or directory",
      "unable to start container process: error executing setns process: exit status 1",
    ])
      assert.deepEqual(judge(false, 255, line(said)), {
        result: "unasked",
        why: `command ask could not be begun: exec failed: ${said}`,
      });
    assert.deepEqual(judge(false, 255), {
      result: "unasked",
      why: "command ask could not be begun: exit code 255",
    });
  });

  it("has failed where the container has no such program, which no host could run", () => {
    for (const said of [
      'unable to start container process: exec: "ask": executable file not found in $PATH',
      'unable to start container process: exec: "/ask": stat /ask: no such file or directory',
      "unable to start container process: exec /ask: exec format error",
    ])
      assert.deepEqual(judge(false, 255, line(said)), {
        result: "failed",
        fault: `command ask: exec failed: ${said}`,
      });
  });
});
