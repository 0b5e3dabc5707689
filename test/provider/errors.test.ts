import assert from "node:assert/strict";
import { type CommandFacts, commandError } from "../../provider/errors";

const facts: CommandFacts = {
  host: "me@db1",
  user: "me",
  sudo: false,
  label: "apt-get install nftables",
  code: 1,
  signal: null,
  output: "",
};

describe("the error of a remote command", () => {
  const table: [string, Partial<CommandFacts>, string][] = [
    ["a full disk", { output: "cat: write error: No space left on device" }, "disk-full"],
    ["a used-up quota", { output: "tar: x: Cannot write: Disk quota exceeded" }, "disk-full"],
    [
      "a missing command",
      { code: 127, output: "timeout: failed to run command 'nft': No such file or directory" },
      "command-not-found",
    ],
    ["sudo with a password", { sudo: true, output: "sudo: a password is required" }, "no-sudo"],
    ["a user outside of sudoers", { sudo: true, output: "me is not in the sudoers file." }, "no-sudo"],
    [
      "a host without sudo",
      { sudo: true, code: 127, output: "env: 'sudo': No such file or directory" },
      "no-sudo",
    ],
    [
      "a missing right",
      { output: "mkdir: cannot create directory '/x': Permission denied" },
      "permission-denied",
    ],
    [
      "apt without root",
      { code: 100, output: "E: Unable to acquire the dpkg frontend lock, are you root?" },
      "permission-denied",
    ],
    ["a command that takes too long", { code: null, timedOutAfterMs: 60_000 }, "timeout"],
    ["anything else", { output: "E: Unable to locate package nftables" }, "other"],
  ];
  for (const [what, change, fault] of table) {
    it(`knows ${what}`, () => {
      const error = commandError({ ...facts, ...change });
      assert.equal(error.fault, fault);
      assert.equal(error.retryable, fault === "timeout");
    });
  }

  it("says what failed, where, why and what to do, without a stack", () => {
    const error = commandError({ ...facts, output: "E: are you root?\n" });
    assert.equal(
      error.stack,
      "CommandFailed: `apt-get install nftables` on me@db1 failed with exit status 1: E: are you root?\n" +
        'User "me" lacks the right to do this: connect as root, or set `sudo: true` for a user who may sudo without a password.',
    );
  });

  it("names the signal behind an exit status above 128", () => {
    assert.match(commandError({ ...facts, code: 137 }).message, /failed with exit status 137 \(SIGKILL\)/);
    assert.match(commandError({ ...facts, code: 255 }).message, /failed with exit status 255$/);
  });

  it("does not advise root to become root", () => {
    const error = commandError({ ...facts, user: "root", output: "Permission denied" });
    assert.ok(!error.message.includes("connect as root"));
  });

  it("shows the last lines only", () => {
    const output = Array.from({ length: 100 }, (_, i) => `line ${i}`).join("\n");
    assert.deepEqual(commandError({ ...facts, output }).output.split("\n").length, 8);
  });
});
