import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { labels } from "../../../provider/agent/env/runtime/commands/create";
import { probeTable } from "../../../provider/agent/env/runtime/commands/ip";
import {
  linkRuntime,
  makePrivateFolders,
  parseUnitStates,
  releaseFolders,
  switchRelease,
} from "../../../provider/commands/agent";
import { containerLabel, probeRulePriority, removeAgent } from "../../../provider/commands/agent-removal";

const release = { hash: "abc", runtimeVersion: "24.21.0" };

describe("commands for an agent", () => {
  it("are exactly these", () => {
    assert.deepEqual(releaseFolders(release), {
      app: "/usr/lib/container-ha/app/abc",
      runtime: "/usr/lib/container-ha/runtime/24.21.0/bin",
    });
    assert.deepEqual(linkRuntime(release), [
      ...["ln", "-sfnT", "--", "../../runtime/24.21.0/bin/node", "/usr/lib/container-ha/app/abc/node"],
    ]);
    assert.deepEqual(makePrivateFolders(), [
      ...["install", "-d", "-m", "0700", "--", "/var/lib/container-ha/store", "/var/lib/container-ha/images"],
    ]);
  });

  it("read what a host says about its units", () => {
    const states = parseUnitStates(
      "gate.service active enabled -\nlease.service active enabled 0123abcd\nagent.service failed disabled -\n",
    );
    assert.deepEqual(Object.fromEntries(states), {
      "gate.service": { active: true, enabled: true, fingerprint: null },
      "lease.service": { active: true, enabled: true, fingerprint: "0123abcd" },
      "agent.service": { active: false, enabled: false, fingerprint: null },
    });
  });

  it("switch the release by replacing one link, again and again", () => {
    const folder = mkdtempSync(join(tmpdir(), "switch-"));
    try {
      execFileSync("mkdir", ["-p", `${folder}/app/one`, `${folder}/app/two`]);
      const script = switchRelease.replaceAll("/usr/lib/container-ha", folder);
      for (const hash of ["one", "one", "two"]) execFileSync("sh", ["-c", script, "sh", hash]);
      assert.equal(readlinkSync(`${folder}/app/current`), "two");
      assert.deepEqual(readdirSync(`${folder}/app`).sort(), ["current", "one", "two"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("remove what the agent's own runtime makes on a host", () => {
    assert.equal(probeRulePriority, probeTable);
    assert.equal(containerLabel, labels.container);
    assert.doesNotThrow(() => execFileSync("sh", ["-n"], { input: removeAgent }));
  });
});
