import assert from "node:assert/strict";
import { agentUnitText } from "../../../provider/agent/cli/agent-unit";
import { noQuorumNote } from "../../../provider/agent/cli/no-quorum";
import { run } from "../../../provider/agent/cli/run";
import { fakeIo } from "./fake-io";

describe("What to do where the store does not answer", () => {
  it("is to recover only where a majority of the voters was looked for and is not there", () => {
    assert.match(noQuorumNote({ runs: ["a"], missing: ["b", "c"] }), /\(b, c\).*"container-ha recover"/);
    const majority = noQuorumNote({ runs: ["a", "c"], missing: ["b"] });
    assert.match(majority, /etcd runs on a, c, which is a majority of the 3 voters: nothing is lost/);
    assert.doesNotMatch(majority, /container-ha recover/);
    assert.doesNotMatch(noQuorumNote(null), /container-ha recover/);
  });
});

describe("An agent that does not answer", () => {
  const journal = [
    "container-ha-agent stops: Error: an older one",
    "serve db: db serves on a",
    "container-ha-agent stops: Error: docker does not tell where the writable layer of web is",
    "    at recordOf (agent.js:1:1)",
  ].join("\n");

  it("that keeps ending is told with its last words, and that the group is another matter", () => {
    const text = agentUnitText({ show: "ActiveState=activating\nNRestarts=78\n", journal })!;
    assert.match(
      text,
      /keeps ending \(systemd has started it again 78 times\), last with: Error: docker does not/,
    );
    assert.match(text, /this host's trouble, not the group's/);
  });

  it("that was stopped is told as that, and what is no answer of systemd as nothing", () => {
    assert.match(
      agentUnitText({ show: "ActiveState=inactive\nNRestarts=0\n", journal: "" })!,
      /^Its unit is inactive\./,
    );
    assert.equal(agentUnitText({ show: "Failed to connect to bus", journal: "" }), null);
  });

  it("is explained by `status`", async () => {
    const io = fakeIo({ agentUnit: async () => "It keeps ending." });
    await assert.rejects(run(["status"], io), /The agent is not running on this host.*\nIt keeps ending\.$/s);
  });
});
