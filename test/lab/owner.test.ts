import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { isAlive, thisProcess } from "./owner";

describe("the owner of a lab", () => {
  before(function () {
    if (process.platform !== "linux") this.skip();
  });

  it("is alive while its process runs", () => {
    assert.equal(isAlive(thisProcess()), true);
  });

  it("is not taken for another process that got its number", () => {
    assert.equal(isAlive({ ...thisProcess(), startedAt: "1" }), false);
  });

  it("is dead when its process has ended", async () => {
    const child = spawn("true");
    await once(child, "close");
    assert.equal(isAlive({ pid: child.pid!, startedAt: thisProcess().startedAt }), false);
  });
});
