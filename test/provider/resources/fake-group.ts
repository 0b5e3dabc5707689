import { ctl } from "../../../provider/commands/control";
import {
  type ContainerStatus,
  type CtlReply,
  type CtlRequest,
  type GroupStatus,
  type HostStatus,
  timingOf,
} from "../../../provider/contract";
import { type GroupHandle, groupHandleSchema } from "../../../provider/group-handle";
import { closeAll } from "../../../provider/ssh/pool";
import { quoteArgv } from "../../../provider/ssh/quote";
import { type SshServer, startSshServer } from "../../support/ssh-server";

/** A member that answers `container-ha ctl` with replies that were written down beforehand. */
export interface FakeMember {
  name: string;
  server: SshServer;
  /** For an operation: the replies to its requests in turn; the last one stays. */
  reply(op: CtlRequest["op"], ...replies: CtlReply[]): void;
  /** The agent does not run: `container-ha ctl` fails. */
  stop(): void;
  requests(): CtlRequest[];
}

export interface FakeGroup {
  handle: GroupHandle;
  members: FakeMember[];
  close(): Promise<void>;
}

/** Members ha1, ha2 ... behind real SSH servers in this process; each answers every request with success. */
export async function startFakeGroup({ members: count }: { members: number }): Promise<FakeGroup> {
  const members = await Promise.all(
    Array.from({ length: count }, (_, index) => startMember(`ha${index + 1}`)),
  );
  return {
    handle: fakeHandle(members.map(({ name, server }) => ({ name, connection: server.connection() }))),
    members,
    async close() {
      await closeAll();
      await Promise.all(members.map(({ close }) => close()));
    },
  };
}

let groups = 0;

/** A handle whose group has another name than any before: what is remembered of a group does not reach the next test. */
export function fakeHandle(members: { name: string; connection: unknown }[]): GroupHandle {
  const hosts = members.map(({ name }, index) => ({ name, address: `10.0.0.${11 + index}` }));
  return groupHandleSchema.parse({
    group: `g${++groups}`,
    policy: {
      group: `g${groups}`,
      hosts,
      timing: timingOf("default", false),
      interface: "eth0",
      subnet: "10.0.0.0/24",
      etcdEndpoints: hosts.map(({ address }) => `${address}:7379`),
      ports: {},
    },
    members,
  });
}

async function startMember(name: string): Promise<FakeMember & { close(): Promise<void> }> {
  const replies: Partial<Record<CtlRequest["op"], CtlReply[]>> = {};
  const requests: CtlRequest[] = [];
  let runs = true;
  const answer = (input: string) => {
    if (!runs) return { code: 3, stderr: "The agent is not running\n" };
    const request = JSON.parse(input) as CtlRequest;
    requests.push(request);
    const standard = request.op === "pull" ? { host: name, volumes: [] } : null;
    const [reply = ok(standard), ...rest] = replies[request.op] ?? [];
    if (rest.length > 0) replies[request.op] = rest;
    return { code: 0, stdout: JSON.stringify(reply) };
  };
  const server = await startSshServer({ standIn: { words: quoteArgv(ctl()), answer } });
  return {
    name,
    server,
    reply(op, ...given) {
      replies[op] = given;
    },
    stop() {
      runs = false;
    },
    requests: () => [...requests],
    close: () => server.close(),
  };
}

export function ok(result: unknown): CtlReply {
  return { ok: true, result };
}

export function statusOf(parts: {
  hosts?: Partial<HostStatus>[];
  containers?: Partial<ContainerStatus>[];
  quorum?: boolean;
}): GroupStatus {
  const hosts = parts.hosts ?? [{ name: "ha1" }, { name: "ha2" }, { name: "ha3" }];
  return {
    group: "g",
    host: "ha1",
    at: "2026-01-01T00:00:00.000Z",
    quorum: parts.quorum ?? true,
    timing: "",
    failover: "",
    onQuorumLoss: null,
    hosts: hosts.map(hostStatus),
    containers: (parts.containers ?? []).map(containerStatus),
    rules: [],
  };
}

function hostStatus(parts: Partial<HostStatus>): HostStatus {
  return {
    name: "ha1",
    address: "10.0.0.11",
    role: "member",
    labels: {},
    state: "live",
    sid: null,
    version: "0.1.0",
    memoryMb: null,
    certificateDaysLeft: null,
    holdDownMs: 0,
    clockAlarm: false,
    engineFaults: {},
    ...parts,
  };
}

/** Runs on ha1 with its generation held by ha2. */
export function containerStatus(parts: Partial<ContainerStatus>): ContainerStatus {
  return {
    name: "redis",
    stack: "p/s",
    engine: "podman",
    image: "redis",
    virtualIps: ["10.0.0.50"],
    specDigest: "",
    phase: "RUNNING",
    stalledSince: null,
    primary: "ha1",
    epoch: 1,
    generation: { gen: 1, epoch: 1 },
    generationAgeMs: 100,
    generationBytes: 1,
    holders: ["ha1", "ha2"],
    standbys: [{ host: "ha2", state: "PREPARED", warm: null }],
    lastFailover: null,
    degraded: null,
    failure: null,
    ...parts,
  };
}
