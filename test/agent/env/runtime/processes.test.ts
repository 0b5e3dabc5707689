import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { findProcess, isAlive } from "../../../../provider/agent/env/runtime/processes";

describe("processes of an agent that died", () => {
  it("are found by their program and arguments, in whatever order, until they end", async () => {
    const id = `looked-for-${process.pid}`;
    const waits = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "restore", "--keep", id]);
    try {
      await once(waits, "spawn");
      assert.equal(findProcess([process.execPath, id, "restore"]), waits.pid);
      assert.equal(findProcess(["runc", id, "restore"]), null, "another program");
      assert.equal(findProcess([process.execPath, id, "checkpoint"]), null, "another subcommand");
      assert.equal(findProcess([process.execPath, id.slice(0, -1), "restore"]), null, "a part of a word");
      assert.equal(isAlive(waits.pid!), true);
    } finally {
      waits.kill("SIGKILL");
      await once(waits, "close");
    }
    assert.equal(findProcess([process.execPath, id, "restore"]), null);
    assert.equal(isAlive(waits.pid!), false);
  });
});
