import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentUnits } from "../../../provider/commands/agent-units";
import { type CommandFailed, commandError, UserError } from "../../../provider/errors";
import type { Release } from "../../../provider/release/release";
import { type AgentPlan, prepareAgent, switchAgent } from "../../../provider/resources/agent-setup";
import { type FakeHost, fakeHost } from "./fake-host";

const installedPath = "/usr/lib/container-ha/app/current/release.json";

describe("setting up an agent", () => {
  let folder: string;
  let release: Release;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "host-bundles-"));
    writeFileSync(join(folder, "agent.js"), "agent");
    const bundles = { "agent.js": "hash" };
    release = { hash: "r1", version: "0.1.0", recordVersion: 1, runtimeVersion: "24.21.0", bundles, folder };
  });
  after(() => rmSync(folder, { recursive: true }));

  const plan = ({ session }: FakeHost, changed: Partial<AgentPlan> = {}): AgentPlan => ({
    host: session,
    release,
    config: { logLevel: "info", metricsPort: 7383 },
    log: () => {},
    runtime: async () => ({ path: "/cache/node", sha256: "", packed: null }),
    ...changed,
  });
  const machine = (asked: string) => (asked === "uname -m" ? { stdout: "x86_64\n" } : undefined);
  /** What a host says whose units run this configuration. */
  const running = (agentConfig: string) => (asked: string) => {
    if (!asked.startsWith("look at the agent's units")) return machine(asked);
    const units = agentUnits({ release: "r1", agentConfig, realtime: true });
    return {
      stdout: units.map((unit) => `${unit.name} active enabled ${unit.fingerprint ?? "-"}`).join("\n"),
    };
  };

  it("on a bare host uploads everything, then switches, enables and starts in order", async () => {
    const host = fakeHost({ answer: machine });
    const prepared = await prepareAgent(plan(host));
    assert.deepEqual(prepared, {
      realtime: true,
      stale: ["container-ha-gate.service", "container-ha-lease.service", "container-ha-agent.service"],
      running: false,
      complete: false,
    });
    assert.deepEqual(host.done, [
      "uname -m",
      "mkdir -p -- /usr/lib/container-ha/app/r1 /usr/lib/container-ha/runtime/24.21.0/bin",
      "upload /usr/lib/container-ha/runtime/24.21.0/bin/node",
      "upload /usr/lib/container-ha/app/r1/agent.js",
      "ln -sfnT -- ../../runtime/24.21.0/bin/node /usr/lib/container-ha/app/r1/node",
      "upload /usr/lib/container-ha/app/r1/release.json",
      "systemd-run --quiet --wait --collect --property=CPUSchedulingPolicy=rr --property=CPUSchedulingPriority=10 true",
      "mkdir -p -- /etc/container-ha /var/lib/container-ha",
      "install -d -m 0700 -- /var/lib/container-ha/store /var/lib/container-ha/images",
      "upload /etc/container-ha/agent.json",
      "upload /etc/systemd/system/container-ha-gate.service",
      "upload /etc/systemd/system/container-ha-lease.service",
      "upload /etc/systemd/system/container-ha-agent.service",
      "upload /usr/bin/container-ha",
      "look at the agent's units container-ha-gate.service container-ha-lease.service container-ha-agent.service",
    ]);
    host.done.length = 0;
    await switchAgent(plan(host), prepared);
    assert.deepEqual(host.done, [
      "switch the release r1",
      "systemctl enable --quiet --no-reload container-ha-gate.service container-ha-lease.service container-ha-agent.service",
      "systemctl daemon-reload",
      "systemctl restart container-ha-gate.service",
      "systemctl restart container-ha-lease.service",
      "systemctl restart container-ha-agent.service",
      "remove other releases r1 24.21.0",
    ]);
  });

  it("has nothing to do where everything runs as declared", async () => {
    const first = fakeHost({ answer: machine });
    await prepareAgent(plan(first));
    const config = first.files.get("/etc/container-ha/agent.json")!;
    const host = fakeHost({
      files: { [installedPath]: JSON.stringify({ ...release, folder: undefined }) },
      answer: running(config),
    });
    const prepared = await prepareAgent(plan(host));
    assert.deepEqual(prepared, { realtime: true, stale: [], running: true, complete: true });
  });

  it("goes on where an interrupted run had switched the release but restarted nothing", async () => {
    const host = fakeHost({
      files: { [installedPath]: JSON.stringify({ ...release, folder: undefined }) },
      answer: running("another configuration, as of another release"),
    });
    const prepared = await prepareAgent(plan(host));
    assert.deepEqual(prepared.stale, ["container-ha-agent.service"]);
    assert.equal(prepared.complete, false);
    assert.equal(prepared.running, true);
  });

  it("restarts the agent alone for another log level", async () => {
    const first = fakeHost({ answer: machine });
    await prepareAgent(plan(first));
    const host = fakeHost({ answer: running(first.files.get("/etc/container-ha/agent.json")!) });
    const config = { logLevel: "debug", metricsPort: 7383 } as const;
    const prepared = await prepareAgent(plan(host, { config }));
    assert.deepEqual(prepared.stale, ["container-ha-agent.service"]);
  });

  it("goes on without real-time priority where the host refuses it", async () => {
    const host = fakeHost({
      answer: (asked) => (asked.startsWith("systemd-run") ? { code: 1 } : machine(asked)),
    });
    assert.equal((await prepareAgent(plan(host))).realtime, false);
    assert.match(host.files.get("/etc/systemd/system/container-ha-lease.service")!, /^Nice=-15$/m);
  });

  it("refuses to replace a release that writes newer records, before anything is changed", async () => {
    const newer = { hash: "r9", version: "9.0.0", recordVersion: 2, runtimeVersion: "30.0.0" };
    const host = fakeHost({ files: { [installedPath]: JSON.stringify(newer) }, answer: machine });
    await assert.rejects(
      prepareAgent(plan(host)),
      (error) =>
        error instanceof UserError &&
        /runs release 9\.0\.0, which writes records of version 2;.*Nothing was changed/.test(error.message),
    );
    assert.deepEqual(host.done, ["uname -m"]);
  });

  it("refuses a machine for which there is no runtime", async () => {
    const host = fakeHost({ answer: () => ({ stdout: "riscv64\n" }) });
    await assert.rejects(
      prepareAgent(plan(host)),
      /root@ha1 is a riscv64 machine; agents run on x64 and arm64/,
    );
  });

  it("shows the unit's last words where it does not start", async () => {
    const host = fakeHost({
      answer(asked) {
        if (asked === "systemctl restart container-ha-lease.service") throw failure(asked);
        if (asked.startsWith("journalctl --unit container-ha-lease.service"))
          return { stdout: "no interface eth9\n" };
        return machine(asked);
      },
    });
    const prepared = await prepareAgent(plan(host));
    await assert.rejects(
      switchAgent(plan(host), prepared),
      /container-ha-lease\.service did not start on root@ha1\. Its last words:\nno interface eth9/,
    );
    assert.ok(!host.done.includes("systemctl restart container-ha-agent.service"));
  });
});

function failure(label: string): CommandFailed {
  const facts = { host: "root@ha1", user: "root", sudo: false, code: 1, signal: null, output: "" };
  return commandError({ ...facts, label });
}
