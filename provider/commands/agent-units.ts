import { createHash } from "node:crypto";
import { paths, units } from "../contract";

/** Runtime and bundles of the installed release, through the one link that an update switches. */
export const currentApp = `${paths.lib}/app/current`;
/** Environment variable of a running unit that tells which release and configuration it was started with. */
export const FINGERPRINT = "CONTAINER_HA_FINGERPRINT";

export interface UnitOptions {
  /** Hash of the release. */
  release: string;
  /** Text of agent.json. */
  agentConfig: string;
  /** Whether the host gives services real-time priority; without it the lease gets a high nice level. */
  realtime: boolean;
}

export interface UnitFile {
  name: string;
  text: string;
  /** What FINGERPRINT must be in the running process; another value asks for a restart. Null: runs once. */
  fingerprint: string | null;
}

/** The units of an agent, in the order in which they start. */
export function agentUnits({ release, agentConfig, realtime }: UnitOptions): UnitFile[] {
  return [
    { name: units.gate, text: gateUnit(), fingerprint: null },
    withFingerprint(units.lease, leaseUnit(realtime), [release]),
    withFingerprint(units.agent, agentUnit(), [release, agentConfig]),
  ];
}

/**
 * Loads the closed gate before any network is up, and after the firewall's own start, which flushes all tables. Not
 * ended at shutdown (no default dependencies): the gate stays closed until the kernel is gone.
 */
function gateUnit(): string {
  return unit({
    Unit: [
      "Description=container-ha gate: closed in front of every protected container until the lease opens it",
      "DefaultDependencies=no",
      "After=local-fs.target nftables.service",
      "Before=network-pre.target",
      "Wants=network-pre.target",
    ],
    Service: [
      "Type=oneshot",
      "RemainAfterExit=yes",
      `ExecStart=${program("lease", LEASE_FLAGS)} --load-gate`,
    ],
    Install: ["WantedBy=sysinit.target"],
  });
}

/**
 * Renews the heartbeat key and alone writes the gate. `KillMode=mixed`: it needs its nft child once more to hold the
 * gate open over a planned restart, but no child may live when the next lease arms anything. What is open in the
 * kernel when it ends closes by the kernel's own timers.
 */
function leaseUnit(realtime: boolean): string {
  return unit({
    Unit: [
      "Description=container-ha lease: renews this host's heartbeat and alone writes the gate",
      `After=${units.gate} ${units.etcd} network-online.target`,
      `Wants=${units.gate} network-online.target`,
      `RequiresMountsFor=${paths.state}`,
      "StartLimitIntervalSec=0",
    ],
    Service: [
      "Type=notify",
      "NotifyAccess=all",
      SMALL_MALLOC,
      "SyslogIdentifier=container-ha-lease",
      `ExecStart=${program("lease", LEASE_FLAGS)}`,
      "ExecReload=/bin/kill -HUP $MAINPID",
      "KillMode=mixed",
      "WatchdogSec=3",
      "TimeoutStartSec=60",
      "TimeoutStopSec=5",
      "Restart=always",
      "RestartSec=100ms",
      ...(realtime ? ["CPUSchedulingPolicy=rr", "CPUSchedulingPriority=10"] : ["Nice=-15"]),
      "OOMScoreAdjust=-1000",
    ],
    Install: ["WantedBy=multi-user.target"],
  });
}

/**
 * Everything else. Containers live in the engines' own cgroups and outlive it. `KillMode=process`: a dump or restore
 * in flight must end by itself, because a dump that is killed leaves CRIU's parasite code in the application; helpers
 * that talk to the agent through pipes end with it. `OOMPolicy=continue`: a child that runs out of memory is that
 * child's failure, not the agent's.
 */
function agentUnit(): string {
  return unit({
    Unit: [
      "Description=container-ha agent: detects failures, checkpoints containers and fails over",
      `After=${units.lease} ${units.etcd} docker.service network-online.target`,
      `Wants=${units.lease} network-online.target`,
      `RequiresMountsFor=${paths.state}`,
      "StartLimitIntervalSec=0",
    ],
    Service: [
      "Type=notify",
      "NotifyAccess=all",
      SMALL_MALLOC,
      "SyslogIdentifier=container-ha-agent",
      `ExecStart=${program("agent", AGENT_FLAGS)}`,
      "ExecReload=/bin/kill -HUP $MAINPID",
      "KillMode=process",
      "WatchdogSec=15",
      "TimeoutStartSec=120",
      "TimeoutStopSec=15",
      "Restart=always",
      "RestartSec=200ms",
      // A busy host must not keep it from reading the store; what it starts, containers among it, runs as anything does.
      "Nice=-10",
      "CPUSchedulingPolicy=other",
      "CPUSchedulingResetOnFork=yes",
      "OOMScoreAdjust=-900",
      "OOMPolicy=continue",
    ],
    Install: ["WantedBy=multi-user.target"],
  });
}

/** `/usr/bin/container-ha`. */
export function commandWrapper(): string {
  return `#!/bin/sh\n[ "$*" = ctl ] && exec ${program("ctl", [])}\nexec ${program("cli", [])} "$@"\n`;
}

/**
 * The lease is small and never idle: optimized code and rarer collections save it a quarter of its processor time for
 * 10 MB. The agent's code waits for others nearly always: without feedback and optimized code it is 10 MB smaller.
 */
const LEASE_FLAGS = ["--single-threaded", "--max-semi-space-size=2", "--max-old-space-size=32"];
const AGENT_FLAGS = ["--lite-mode", "--max-semi-space-size=1", "--max-old-space-size=128"];
const SMALL_MALLOC = "Environment=MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536";

function program(name: "lease" | "agent" | "cli" | "ctl", flags: readonly string[]): string {
  return [`${currentApp}/node`, ...flags, `${currentApp}/${name}.js`].join(" ");
}

function unit(sections: Record<string, string[]>): string {
  const texts = Object.entries(sections).map(([section, lines]) => `[${section}]\n${lines.join("\n")}\n`);
  return texts.join("\n");
}

function withFingerprint(name: string, text: string, more: string[]): UnitFile {
  const digest = createHash("sha256")
    .update(JSON.stringify([text, ...more]))
    .digest("hex");
  const fingerprint = digest.slice(0, 16);
  const line = `[Service]\nEnvironment=${FINGERPRINT}=${fingerprint}\n`;
  return { name, text: text.replace("[Service]\n", line), fingerprint };
}
