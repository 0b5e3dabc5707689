import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createFencing } from "../../../provider/agent/env/fencing";
import { until } from "../../support/until";

describe("The fencing command as a program", () => {
  const { switchOff } = createFencing({ limitMs: 5000 });

  it("is believed when it ends with exit status 0", () => switchOff(["/bin/true"]));

  it("gets its words as they are, without a shell", () =>
    switchOff(["/bin/sh", "-c", 'test "$1" = "b; exit 1" && test $# = 1', "sh", "b; exit 1"]));

  it("that fails is told with its last complaint, but not its arguments or output", () =>
    assert.rejects(
      switchOff(["/bin/sh", "-c", "echo secret; echo trying >&2; echo no route to the device >&2; exit 3"]),
      (error: Error) => {
        assert.equal(error.message, "sh failed with exit status 3: no route to the device");
        return true;
      },
    ));

  it("that is not there is told", () =>
    assert.rejects(
      switchOff(["/nonexistent/fence_x", "b"]),
      /^Error: fence_x is not installed on this host$/,
    ));

  it("that is ended by a signal has failed", () =>
    assert.rejects(switchOff(["/bin/sh", "-c", "kill -9 $$"]), /^Error: sh was ended by SIGKILL$/));

  it("that hangs is killed with what it started", async () => {
    const marker = `${4000 + process.pid}`;
    await assert.rejects(
      createFencing({ limitMs: 300 }).switchOff(["/bin/sh", "-c", `sleep ${marker} & sleep ${marker}`]),
      /^Error: sh did not end within 0.3 s and was killed$/,
    );
    await until(() => !isRunning(marker), "the end of what it started", 5000);
  });
});

function isRunning(marker: string): boolean {
  return readdirSync("/proc").some((entry) => {
    try {
      return readFileSync(`/proc/${entry}/cmdline`, "utf8") === `sleep\0${marker}\0`;
    } catch {
      return false;
    }
  });
}
