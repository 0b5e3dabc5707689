import assert from "node:assert/strict";
import { agentUnits, commandWrapper } from "../../../provider/commands/agent-units";

const options = { release: "r1", agentConfig: "{}", realtime: true };
const text = (name: string, changed: Partial<typeof options> = {}) =>
  agentUnits({ ...options, ...changed }).find((unit) => unit.name.includes(name))!.text;
const fingerprints = (changed: Partial<typeof options> = {}) =>
  agentUnits({ ...options, ...changed }).map((unit) => unit.fingerprint);

describe("the units of an agent", () => {
  it("start in the order gate, lease, agent", () => {
    assert.deepEqual(
      agentUnits(options).map(({ name }) => name),
      ["container-ha-gate.service", "container-ha-lease.service", "container-ha-agent.service"],
    );
  });

  it("load the closed gate before the network and after the firewall, and never open it at shutdown", () => {
    assert.equal(
      text("gate"),
      `[Unit]
Description=container-ha gate: closed in front of every protected container until the lease opens it
DefaultDependencies=no
After=local-fs.target nftables.service
Before=network-pre.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/container-ha/app/current/node --single-threaded --max-semi-space-size=2 --max-old-space-size=32 /usr/lib/container-ha/app/current/lease.js --load-gate

[Install]
WantedBy=sysinit.target
`,
    );
  });

  it("run the lease in real time, watched, with all its children ended before it starts again", () => {
    const lease = text("lease");
    for (const line of [
      "Type=notify",
      "WatchdogSec=3",
      "Restart=always",
      "KillMode=mixed",
      "CPUSchedulingPolicy=rr",
      "CPUSchedulingPriority=10",
      "OOMScoreAdjust=-1000",
      "StartLimitIntervalSec=0",
    ]) {
      assert.ok(lease.split("\n").includes(line), line);
    }
  });

  it("give the lease a high nice level where the host refuses real-time priority", () => {
    const lease = text("lease", { realtime: false });
    assert.match(lease, /^Nice=-15$/m);
    assert.doesNotMatch(lease, /CPUScheduling/);
  });

  it("let a dump in flight end by itself when the agent stops", () => {
    assert.match(text("container-ha-agent"), /^KillMode=process$/m);
    assert.match(text("container-ha-agent"), /^OOMPolicy=continue$/m);
  });

  it("ask for a restart of lease and agent when the release changes, of the agent alone for its configuration", () => {
    const [gate, lease, agent] = fingerprints();
    assert.equal(gate, null);
    const [, otherLease, otherAgent] = fingerprints({ release: "r2" });
    assert.notEqual(otherLease, lease);
    assert.notEqual(otherAgent, agent);
    const [, sameLease, newAgent] = fingerprints({ agentConfig: '{"logLevel":"debug"}' });
    assert.equal(sameLease, lease);
    assert.notEqual(newAgent, agent);
  });

  it("carry their fingerprint in the environment of the process", () => {
    const agent = agentUnits(options)[2]!;
    assert.ok(
      agent.text.includes(`\n[Service]\nEnvironment=CONTAINER_HA_FINGERPRINT=${agent.fingerprint}\n`),
    );
  });

  it("come with a command for people that keeps its arguments as they are, and a small one for handlers", () => {
    assert.equal(
      commandWrapper(),
      `#!/bin/sh
[ "$*" = ctl ] && exec /usr/lib/container-ha/app/current/node /usr/lib/container-ha/app/current/ctl.js
exec /usr/lib/container-ha/app/current/node /usr/lib/container-ha/app/current/cli.js "$@"
`,
    );
  });
});
