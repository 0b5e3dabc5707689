import assert from "node:assert/strict";
import { commandLine } from "../../../provider/ssh/command-line";

describe("the command line sent to a host", () => {
  it("is bounded on the host and speaks English", () => {
    assert.equal(
      commandLine({ argv: ["nft", "list", "tables"], sudo: false, timeoutMs: 60_000 }),
      "echo container-ha-output-begins; exec env LC_ALL=C timeout -k 5 60 nft list tables",
    );
  });

  it("puts sudo around everything and never lets it ask for a password", () => {
    assert.equal(
      commandLine({ argv: ["id"], sudo: true, timeoutMs: 1500 }),
      "echo container-ha-output-begins; exec env LC_ALL=C sudo -n -- timeout -k 5 1.5 id",
    );
  });

  it("carries variables as a quoted prefix, inside sudo", () => {
    const env = { DEBIAN_FRONTEND: "noninteractive", TITLE: "a b" };
    assert.equal(
      commandLine({ argv: ["apt-get", "update"], env, sudo: true, timeoutMs: 1000 }),
      "echo container-ha-output-begins; exec env LC_ALL=C sudo -n -- env DEBIAN_FRONTEND=noninteractive 'TITLE=a b' timeout -k 5 1 apt-get update",
    );
    assert.equal(
      commandLine({ argv: ["true"], env, sudo: false, timeoutMs: 1000 }),
      "echo container-ha-output-begins; exec env LC_ALL=C DEBIAN_FRONTEND=noninteractive 'TITLE=a b' timeout -k 5 1 true",
    );
  });
});
