import type { ContainerStatus, GroupStatus, HostStatus } from "../../../provider/contract";

/** A healthy group of three with one protected container; tests change what they are about. */
export function healthyGroup(changes: Partial<GroupStatus> = {}): GroupStatus {
  return {
    group: "shop",
    host: "a",
    at: "2026-10-02T10:00:00.000Z",
    quorum: true,
    timing: "lease 800 ms, fence after 1000 ms (clock discipline known: none on all hosts)",
    failover: "automatic: a host is replaced after its silence for that long",
    onQuorumLoss: null,
    hosts: [
      hostOf("a", { address: "10.0.0.1", labels: { zone: "north" } }),
      hostOf("b", { address: "10.0.0.2", labels: { zone: "south", disk: "ssd" } }),
      hostOf("w", { address: "10.0.0.13", role: "witness", state: "witness" }),
    ],
    containers: [containerOf("redis")],
    rules: [],
    ...changes,
  };
}

export function hostOf(name: string, changes: Partial<HostStatus> = {}): HostStatus {
  return {
    name,
    address: "10.0.0.9",
    role: "member",
    labels: {},
    state: "live",
    sid: `sid-of-${name}`,
    version: "0.1.0",
    memoryMb: 2048,
    certificateDaysLeft: 364,
    holdDownMs: 0,
    clockAlarm: false,
    engineFaults: {},
    ...changes,
  };
}

export function containerOf(name: string, changes: Partial<ContainerStatus> = {}): ContainerStatus {
  return {
    name,
    stack: "shop-dev",
    engine: "podman",
    image: "redis:8",
    virtualIps: ["10.0.0.100"],
    specDigest: "0".repeat(64),
    phase: "RUNNING",
    stalledSince: null,
    primary: "a",
    epoch: 2,
    generation: { gen: 17, epoch: 2 },
    generationAgeMs: 3200,
    generationBytes: 1_500_000,
    holders: ["a", "b"],
    standbys: [{ host: "b", state: "prepared", warm: null }],
    lastFailover: null,
    degraded: null,
    failure: null,
    ...changes,
  };
}
