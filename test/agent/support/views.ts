import { createHash } from "node:crypto";
import type { DecideInput, LocalCopy } from "../../../provider/agent/decide";
import type { Me } from "../../../provider/agent/ownership";
import type { ContainerView, GroupView, HostView, Rec } from "../../../provider/agent/view";
import { emptyContainer } from "../../../provider/agent/view";
import {
  type ContainerSpec,
  type Fence,
  type Generation,
  type Migration,
  type Owner,
  specDigest,
} from "../../../provider/contract";
import { specOf } from "../../sim/group";

export const AT = "2026-01-01T00:00:00.000Z";

/** A record as a view holds it. */
export function rec<T>(value: T, rev = 1): Rec<T> {
  return { value, text: JSON.stringify(value), rev };
}

export function meOf(host: string, sid = `${host}-1`): Me {
  return { group: "sim", host, sid, record: JSON.stringify({ sid }) };
}

export function ownerOf(change: Partial<Owner> = {}): Owner {
  return {
    host: "a",
    sid: "a-1",
    epoch: 7,
    phase: "RUNNING",
    gen: null,
    specDigest: specDigest(specOf()),
    tries: 0,
    triedHosts: [],
    reason: "first start",
    since: AT,
    lastFailover: null,
    ...change,
  };
}

export function generationOf(change: Partial<Generation> = {}): Generation {
  return {
    gen: 3,
    epoch: 7,
    specDigest: specDigest(specOf()),
    manifestSha: sha("manifest"),
    holders: ["a", "b"],
    bytes: 64e6,
    at: AT,
    ...change,
  };
}

/** From a to b. */
export function migrationOf(change: Partial<Migration> = {}): Migration {
  return {
    id: "m1",
    from: "a",
    fromSid: "a-1",
    to: "b",
    toSid: "b-1",
    epoch: 7,
    stage: "PREPARING",
    reason: "asked for",
    at: AT,
    ...change,
  };
}

export function hostOf(
  name: string,
  { sid = `${name}-1`, fence }: { sid?: string; fence?: Fence } = {},
): HostView {
  return {
    name,
    session: rec({ sid, bootId: "boot", started: AT, version: "0.1.0" }, 2),
    heartbeat: rec({ sid, n: 1, leaseMs: 2000 }, 3),
    info: null,
    fences: new Map(fence ? [[sid, rec(fence, 4)]] : []),
    intents: new Map(),
  };
}

export function viewOf(hosts: HostView[], containers: ContainerView[] = []): GroupView {
  return {
    policy: null,
    declared: null,
    hosts: new Map(hosts.map((host) => [host.name, host])),
    containers: new Map(containers.map((container) => [container.name, container])),
    rules: new Map(),
    unreadable: [],
  };
}

/** Container `db`, owned by a, with b as its standby, which holds generation 7-3. */
export function containerOf(
  change: {
    spec?: ContainerSpec | null;
    owner?: Partial<Owner> | null;
    generation?: Partial<Generation> | null;
    standbys?: string[] | null;
  } = {},
): ContainerView {
  const {
    spec = { ...specOf(), candidates: ["a", "b", "c"] },
    owner = {},
    generation = {},
    standbys = ["b"],
  } = change;
  return {
    ...emptyContainer("db"),
    spec: spec && rec(spec, 10),
    owner: owner && rec(ownerOf(owner), 11),
    generation: generation && rec(generationOf(generation), 12),
    standbys: standbys && rec({ hosts: standbys }, 13),
  };
}

export function copyOf(change: Partial<LocalCopy> = {}): LocalCopy {
  return {
    state: "absent",
    detail: null,
    mac: null,
    specDigest: specDigest(specOf()),
    held: null,
    warmMb: null,
    unreleased: false,
    stalledSince: null,
    joined: false,
    runningSince: null,
    unhealthy: null,
    doubted: false,
    checkpointing: false,
    probing: 0,
    lastCheckpoint: null,
    noHoldBefore: 0,
    noPrepareBefore: 0,
    heldSince: null,
    tending: false,
    noTendingBefore: 0,
    checked: { key: "7-3", at: 100_000 },
    damaged: null,
    heldFor: null,
    move: null,
    handedOverAt: null,
    noMoveBefore: 0,
    failsafe: null,
    ...change,
  };
}

/** A copy that serves, with nothing left to be done about it. */
export function servingCopy(change: Partial<LocalCopy> = {}): LocalCopy {
  return copyOf({ state: "running", mac: "real", joined: true, runningSince: 0, ...change });
}

export const preparedCopy = () => copyOf({ state: "prepared", mac: "parked" });

/** What host `host` sees 100 s after its start, where nothing is wrong. */
export function inputOf(host: string, change: Partial<DecideInput> = {}): DecideInput {
  const container = change.container ?? containerOf();
  return {
    me: meOf(host),
    now: 100_000,
    view: viewOf([hostOf("a"), hostOf("b"), hostOf("c")], [container]),
    container,
    copy: host === container.owner?.value.host ? servingCopy() : preparedCopy(),
    lapsed: false,
    stored: new Set(["7-3"]),
    takers: ["a", "b", "c"],
    candidates: ["a", "b", "c"],
    sources: container.generation?.value.holders ?? [],
    sourcesSince: 0,
    mayTake: true,
    misplaced: null,
    wantedStandbys: ["b"],
    wantedMembers: null,
    heirs: ["b"],
    bound: false,
    suspects: new Set(),
    freeMb: 4096,
    fence: null,
    stoppedSince: null,
    checkpointDueInMs: 5000,
    ...change,
  };
}

function sha(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
