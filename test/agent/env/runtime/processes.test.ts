import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  commandsAbout,
  findProcess,
  isRunning,
  listProcesses,
} from "../../../../provider/agent/env/runtime/processes";

describe("processes of an agent that died", () => {
  it("are found by their program and arguments, in whatever order, until they end", async () => {
    const id = `looked-for-${process.pid}`;
    const program = "setInterval(() => {}, 1000); console.log('runs')";
    const waits = spawn(process.execPath, ["-e", program, "restore", "--keep", id]);
    try {
      // Not "spawn": the kernel lets go of the parent before it sets the arguments of the new program.
      await once(waits.stdout, "data");
      const all = listProcesses();
      const found = findProcess(all, [process.execPath, id, "restore"]);
      assert.ok(found);
      assert.equal(found.pid, waits.pid);
      assert.equal(findProcess(all, ["runc", id, "restore"]), null, "another program");
      assert.equal(findProcess(all, [process.execPath, id, "checkpoint"]), null, "another subcommand");
      assert.equal(
        findProcess(all, [process.execPath, id.slice(0, -1), "restore"]),
        null,
        "a part of a word",
      );
      assert.equal(isRunning(found), true);
      assert.equal(isRunning({ ...found, commandLine: "another\0" }), false, "its pid was given away");
      waits.kill("SIGKILL");
      await once(waits, "close");
      assert.equal(findProcess(listProcesses(), [process.execPath, id, "restore"]), null);
      assert.equal(isRunning(found), false);
    } finally {
      waits.kill("SIGKILL");
    }
  });

  it("are those about one container where that is their last word and the program's name is bare", () => {
    const id = "9d7ee52b94cb";
    const all = [
      ["podman", "container", "restore", id],
      ["/usr/bin/podman", "--root", "/x", "container", "cleanup", id],
      ["podman", "container", "restore", "another"],
      ["podman", "exec", id, "true"],
      ["docker", "start", id],
    ].map((argv, pid) => ({ pid, commandLine: `${argv.join("\0")}\0` }));
    assert.deepEqual(
      commandsAbout(all, "podman", id).map(({ pid }) => pid),
      [0],
    );
  });
});
