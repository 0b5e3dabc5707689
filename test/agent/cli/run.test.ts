import assert from "node:assert/strict";
import type { CliError } from "../../../provider/agent/cli/cli-error";
import { run } from "../../../provider/agent/cli/run";
import { VERSION } from "../../../provider/agent/version";
import { fakeIo } from "./fake-io";

describe("command line without an agent", () => {
  let written: string;
  const io = fakeIo({
    out: (text) => {
      written += text;
    },
    readStdin: async () => "{}",
  });
  beforeEach(() => {
    written = "";
  });

  const mistakes: [string, string[], string][] = [
    ["no command", [], 'A command is missing. See "container-ha help".'],
    ["an unknown command", ["stauts"], 'There is no command "stauts". See "container-ha help".'],
    ["a name of Object.prototype", ["toString"], 'There is no command "toString". See "container-ha help".'],
    ["help for an unknown command", ["help", "x"], 'There is no command "x". See "container-ha help".'],
    ["an unknown option", ["status", "--watch"], `Unknown option '--watch'. See "container-ha help status".`],
    [
      "an argument too many",
      ["status", "redis"],
      `Unexpected argument 'redis'. See "container-ha help status".`,
    ],
    ["no container", ["checkpoint"], `The container's name is missing. See "container-ha help checkpoint".`],
    [
      "two containers",
      ["checkpoint", "a", "b"],
      `Expected one name, got 2. See "container-ha help checkpoint".`,
    ],
    [
      "no container to fail over",
      ["failover"],
      `The container's name is missing. See "container-ha help failover".`,
    ],
    ["no host to fence", ["fence", "--yes"], `The host's name is missing. See "container-ha help fence".`],
    ["two hosts to fence", ["fence", "a", "b"], `Expected one host, got 2. See "container-ha help fence".`],
    [
      "a limit that is no number",
      ["events", "--limit", "many"],
      `--limit: expected a whole number from 1 to 10000, got "many". See "container-ha help events".`,
    ],
    [
      "a limit of nothing",
      ["events", "--limit", "0"],
      `--limit: expected a whole number from 1 to 10000, got "0". See "container-ha help events".`,
    ],
    [
      "a limit that is too large",
      ["events", "--limit=10001"],
      `--limit: expected a whole number from 1 to 10000, got "10001". See "container-ha help events".`,
    ],
  ];
  for (const [what, args, message] of mistakes) {
    it(`refuses ${what} with exit code 2`, async () => {
      await assert.rejects(run(args, io), (error: CliError) => {
        assert.equal(error.message, message);
        assert.equal(error.exitCode, 2);
        return true;
      });
      assert.equal(written, "");
    });
  }

  for (const args of [["status"], ["events"], ["events", "--follow"], ["checkpoint", "redis"], ["ctl"]]) {
    it(`says in "${args.join(" ")}" that the agent is not running, and what to do`, async () => {
      await assert.rejects(run(args, io), (error: CliError) => {
        assert.equal(error.exitCode, 3);
        assert.equal(
          error.message,
          "The agent is not running on this host: nothing answers on /nonexistent/agent.sock. Look at it with " +
            '"systemctl status container-ha-agent.service" and "journalctl -u container-ha-agent.service".',
        );
        return true;
      });
    });
  }

  it("shows its version", async () => {
    assert.equal(await run(["version"], io), 0);
    assert.equal(written, `container-ha ${VERSION}\n`);
  });

  it("lists every command in its help", async () => {
    assert.equal(await run(["--help"], io), 0);
    for (const command of ["status", "events", "checkpoint", "ctl", "version", "help"]) {
      assert.match(written, new RegExp(`^  ${command}\\b.*\\.$`, "m"));
    }
  });

  for (const args of [
    ["help", "events"],
    ["events", "--help"],
    ["events", "-h", "--bogus"],
  ]) {
    it(`explains a command with "${args.join(" ")}"`, async () => {
      assert.equal(await run(args, io), 0);
      assert.equal(
        written,
        `Usage: container-ha events [--follow] [--limit N] [--json]

Show what happened and why, oldest first.

  --follow, -f     Go on with each new event until Ctrl-C.
  --limit N, -n N  How many past events, 1 to 10000. Default: 20.
  --json           One JSON object a line for programs.

Example: container-ha events --follow --limit 5
`,
      );
    });
  }
});
