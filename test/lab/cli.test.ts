import assert from "node:assert/strict";
import { parseLabCommand, UsageError } from "./cli";

describe("the command line of the lab", () => {
  const parse = (line: string) => parseLabCommand(line.split(" ").filter(Boolean));

  it("boots three hosts unless told how many", () => {
    assert.deepEqual(parse("up").command, { verb: "up", hosts: 3 });
    assert.deepEqual(parse("up 5").command, { verb: "up", hosts: 5 });
  });

  it("takes --json anywhere", () => {
    assert.equal(parse("status --json").json, true);
    assert.equal(parse("--json status").json, true);
    assert.equal(parse("status").json, false);
  });

  it("leaves everything behind `ssh HOST` to the command that runs there", () => {
    assert.deepEqual(parse("ssh ha1 container-ha status --json"), {
      command: { verb: "ssh", host: "ha1", command: ["container-ha", "status", "--json"] },
      json: false,
    });
  });

  it("cuts a host off from all others, from one, or in one direction", () => {
    assert.deepEqual(parse("isolate ha1").command, { verb: "isolate", host: "ha1", direction: "both" });
    assert.deepEqual(parse("isolate ha1 --from ha2 --one-way").command, {
      verb: "isolate",
      host: "ha1",
      from: "ha2",
      direction: "out",
    });
  });

  for (const [line, complaint] of [
    ["", /a command is missing/],
    ["boot", /there is no command "boot"/],
    ["up many", /up: expected a whole number from 1 to 9, got "many"/],
    ["up 0", /from 1 to 9, got "0"/],
    ["kill", /kill: the name of a host is missing/],
    ["kill ha1 ha2", /kill: "ha2" is not understood/],
    ["isolate ha1 --form ha2", /isolate: "--form" is not understood/],
    ["isolate ha1 --from", /--from: a value is missing/],
    ["logs ha1 --lines x", /--lines: expected a whole number/],
    ["down now", /down: "now" is not understood/],
  ] as const) {
    it(`refuses "${line}"`, () => {
      assert.throws(
        () => parse(line),
        (error: Error) => error instanceof UsageError && complaint.test(error.message),
      );
    });
  }
});
