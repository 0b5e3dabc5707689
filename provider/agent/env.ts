import type { Connection, ContainerSpec, Engine, Event, Manifest, Policy, Probe } from "../contract";

/**
 * The one door to everything outside the agent's own code. Ports are things of the domain; command lines, sockets and
 * gRPC lie below them, so that the same agent runs in a simulator.
 */
export interface Env {
  clock: Clock;
  store: Store;
  net: Net;
  gate: Gate;
  runtime: Runtime;
  disk: Disk;
  host: HostPort;
  fencing: Fencing;
  log: Log;
}

export interface Clock {
  /** Monotonic milliseconds. The only time that decisions may use. */
  now(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Wall time for people, ISO 8601; never for decisions. */
  wall(): string;
}

/** One key as it was read. */
export interface StoredValue {
  value: string;
  modRevision: number;
}

export type Compare =
  /** The key's last change is exactly this revision; 0: the key is absent. */
  { key: string; modRevision: number } | { key: string; value: string };

export type Write = { put: string; value: string } | { delete: string };

export interface Txn {
  compares: Compare[];
  writes: Write[];
}

/**
 * `committed`: applied at `revision`. `refused`: a compare failed, nothing was applied.
 * `unknown`: no reply; it may be applied now, later or never, and only a conflicting compare-and-swap settles it
 * (safety.md 1.2).
 */
export type TxnOutcome =
  | { result: "committed"; revision: number }
  | { result: "refused" }
  | { result: "unknown"; cause: string };

export interface Store {
  /**
   * All keys of the group in one consistent read (incremental below: only what changed is transferred).
   * Throws when no endpoint answered within the deadline. The caller notes the time of receipt itself.
   */
  read(): Promise<ReadonlyMap<string, StoredValue>>;
  txn(txn: Txn): Promise<TxnOutcome>;
  /** Move etcd's leadership to the voter on `host` if this host is its leader; best effort. */
  moveLeader(host: string): Promise<void>;
  /** New endpoints from the policy. */
  setEndpoints(endpoints: string[]): void;
}

/** What a UDP heartbeat carries; authenticated, replay-protected below the port. */
export interface UdpHeartbeat {
  from: string;
  sid: string;
  /** By the sender's monotonic clock, ms. */
  sentAt: number;
}

export interface Net {
  setPeers(peers: { name: string; address: string }[]): void;
  /** Send one heartbeat to every peer. */
  beat(sid: string): void;
  onHeartbeat(listener: (heartbeat: UdpHeartbeat) => void): void;
  /**
   * Stream a generation to a peer's store; resolves when the peer has verified and fsynced it. Rejects with the
   * peer's reason (disk full, older epoch, hash mismatch).
   */
  sendGeneration(peer: string, generation: GenerationRef): Promise<void>;
  /**
   * Fetch the named generation from a peer that holds it into the own store, verified against the hash that the record
   * names and fsynced. Also one of an older epoch than this store knows: what the record names is never stale.
   */
  fetchGeneration(peer: string, generation: GenerationRef, manifestSha: string): Promise<void>;
  /**
   * Stream what a dump writes into `folder` to a peer while it is written; `dumped` tells when it is
   * complete. Resolves when the peer has all of it. Not durable there: for one restore (safety.md 1.10).
   */
  sendImages(
    peer: string,
    generation: GenerationRef,
    images: { folder: string; dumped: Promise<unknown> },
  ): Promise<void>;
  /**
   * Forward a ctl request to a peer's agent. `silenceMs`: rejects when the peer gives no sign of life for so long,
   * while it works on its answer.
   */
  ask(peer: string, request: unknown, timeoutMs: number, silenceMs?: number): Promise<unknown>;
}

export interface GenerationRef {
  container: string;
  epoch: number;
  gen: number;
}

/** What the agent adds to the lease's next renewal, and what makes the renewal's ack its ack too (safety.md 1.2). */
export interface JoinRequest {
  container: string;
  mac: string;
  compares: Compare[];
  writes: Write[];
}

export type LeaseEvent =
  /** The renewal was not acknowledged for L: the kernel drops; freeze. */
  | { type: "lapsed"; sid: string }
  /** Renewed after a lapse; the owner records decide what may thaw. */
  | { type: "renewed"; sid: string }
  /** The session was fenced or replaced: never owns anything again. */
  | { type: "lost"; sid: string }
  /**
   * The store does not acknowledge the renewal that is on its way, and these MACs are armed for it: do all who could
   * take over promise not to, for a lease of `leaseMs` from now (safety.md 1.7)? The answer is `vouch`.
   */
  | { type: "asking"; sid: string; attempt: string; macs: string[]; leaseMs: number }
  /** The gate's table was changed or removed by somebody and has been repaired, or not. */
  | { type: "tampered"; repaired: boolean; detail: string };

/** Events that tell how the session stands; the last one is told to whoever connects. */
export type StandingEvent = Extract<LeaseEvent, { type: "lapsed" | "renewed" | "lost" }>;

export function isStanding(event: LeaseEvent): event is StandingEvent {
  return event.type === "lapsed" || event.type === "renewed" || event.type === "lost";
}

export interface GateState {
  sid: string | null;
  /** MACs that the last flip opened. */
  open: string[];
  lapsed: boolean;
  leaseMs: number;
}

/** The agent's side of the lease process, which alone writes the gate. */
export interface Gate {
  /** Start renewing under this session; ends renewals under any other. Idempotent. */
  adopt(session: { sid: string; record: string }): Promise<void>;
  /** Every MAC that must never pass unless opened, those of them on this host, and the timings in force. */
  configure(config: {
    protected: string[];
    here: string[];
    probe: string[];
    leaseMs: number;
    intervalMs: number;
    /** Whether to ask for promises where the store does not acknowledge a renewal; left out: no. */
    failsafe?: true;
  }): Promise<void>;
  /** Arm the MAC in the idle set, renew with the additions, flip on the ack. */
  join(request: JoinRequest): Promise<TxnOutcome>;
  /** Close a MAC; resolves when it is closed, after any flip in flight, and stays closed. */
  leave(mac: string): Promise<void>;
  /**
   * The answer to `asking`: whether every host that could take over promised, each after it was asked for this attempt.
   * Opens the gate for another lease; ignored when that attempt is over.
   */
  vouch(answer: { sid: string; attempt: string; promised: boolean }): Promise<void>;
  state(): Promise<GateState>;
  /** Tell the lease process that the agent is alive; it stops renewing after 5 s without. */
  ping(): void;
  onEvent(listener: (event: LeaseEvent) => void): void;
}

/** How a copy of a container is doing in its engine. */
export type CopyState =
  /** The engine does not know it. */
  | "absent"
  /** Created and ready to be restored into; nothing runs. */
  | "prepared"
  /** Restored, waiting before its first instruction. */
  | "held"
  /** Restored, let go for some milliseconds and frozen; its engine is not busy with it. */
  | "warm"
  | "running"
  | "frozen"
  /** Another program keeps one of its processes in a ptrace stop. */
  | "traced"
  /** It ran and its process is gone. */
  | "exited";

export interface CopyInfo {
  container: string;
  state: CopyState;
  /** Init process on the host, where there is one. */
  pid: number | null;
  mac: string | null;
  /** Why it exited, for people: `exit code 137, out of memory`. */
  detail: string | null;
}

export interface CopyRequest {
  spec: ContainerSpec;
  mac: string;
}

/** Reasons to keep a container frozen; it thaws only when none is left (safety.md 1.3). */
export type FreezeReason = "dump" | "lapse" | "handover" | "warm";

/**
 * Containers below the engines' names. Calls about one container never overlap (the caller sees to it), except
 * `freeze`, `kill`, `inspect` and `look`, which must work at any time.
 */
export interface Runtime {
  /** Engine network, shims, CRIU configuration: what every container needs. Idempotent. */
  ensureHost(policy: Policy): Promise<void>;
  /** Pull or load the image; rejects with the engine's reason. */
  ensureImage(image: { engine: Engine; image: string; archive?: string }): Promise<void>;
  /** Paths of an image that is here which its engine would keep outside of the container's layer, sorted (`VOLUME`). */
  imageVolumes(image: { engine: Engine; image: string }): Promise<string[]>;
  /** Keeps copies of these images, and of no others, in the state folder, for when engine and registry have lost them. */
  keepImages(images: { engine: Engine; image: string }[]): Promise<void>;
  /** Whether this engine works on this host, and what it has lost. Never rejects. */
  keepEngine(engine: Engine): Promise<EngineLook>;
  /** Copies of ours in any engine, whether we still have a specification or not. */
  list(): Promise<CopyInfo[]>;
  inspect(container: string): Promise<CopyInfo>;
  /** Only how it is doing, from the kernel alone: at no cost worth mentioning, whatever the engine does. */
  look(container: string): Promise<CopyState>;
  /** Create the container so that a generation can be restored into it. Idempotent; replaces a copy of another spec. */
  prepare(request: CopyRequest): Promise<void>;
  /** Create and start cold, replacing what is there. Resolves when its first process runs. */
  start(request: CopyRequest): Promise<void>;
  /**
   * Restore a generation's files (`folder` from Disk) into the prepared copy. `ready`: the engine is set up at once, but
   * nothing of the memory is read before this resolves, and where it rejects, so does this, with nothing left that could
   * run. `again`: into a copy that has just ended, which its engine may still be taking down. `hold`: stop before the first instruction and resolve then; `release` lets it go. `tcp`: keep established
   * connections or close them.
   */
  restore(
    request: CopyRequest & {
      folder: string;
      ready?: Promise<unknown>;
      again?: boolean;
      hold: boolean;
      tcp: "close" | "established";
    },
  ): Promise<void>;
  /** Lets a held copy go. Rejects where it does not execute within a second: it is held still, and may be asked again. */
  release(container: string): Promise<void>;
  /**
   * Lets a held copy go and freezes it (reason `warm`) as soon as the engine is done with it: a thaw has it serving.
   * Returns the memory that it takes.
   */
  keepWarm(container: string): Promise<{ memoryMb: number }>;
  /** Give the copy this MAC; possible while it is held, frozen or running. */
  setMac(container: string, mac: string): Promise<void>;
  /**
   * Dump into `folder` while it serves: freeze, runc below the engine with the images and the writable layer, thaw
   * unless another reason is left. `stop`: called when all is set up for the dump, which begins when it resolves.
   * Returns how long it was frozen, and its TCP connections. Rejects with an Undumpable where the reason lies in the
   * container.
   */
  dump(request: { container: string; folder: string; stop?: () => Promise<void> }): Promise<DumpResult>;
  /**
   * Resolves when it is frozen, or when that is noted: while CRIU or an engine works in its cgroup the reason takes
   * effect as soon as that ends, since CRIU, stopped by it, would stop the container for as long.
   */
  freeze(container: string, reason: FreezeReason): Promise<void>;
  thaw(container: string, reason: FreezeReason): Promise<void>;
  /** SIGKILL everything of it, at once, whatever the engine is doing. Resolves when no process is left. */
  kill(container: string): Promise<void>;
  /** Kill and remove every trace in the engine. Idempotent. */
  remove(container: string): Promise<void>;
  /** Tell the network and the host's own clients that the virtual IPs are here (gratuitous ARP, local route). */
  announce(request: CopyRequest): Promise<void>;
  /** The container does not run here any more: drop the local route. */
  withdraw(request: CopyRequest): Promise<void>;
  /**
   * One out-of-window ACK to each client that was connected, and to each that asked for a connection while the gate was
   * closed (facts-hosts.md 6). Only once the gate is open.
   */
  tickle(request: CopyRequest & { connections: Connection[] }): Promise<void>;
  /** Ask the application, through the probe shim. What an exec probe started has ended when this resolves. */
  probe(request: CopyRequest & { probe: Probe }): Promise<ProbeResult>;
  /**
   * Look at what `ensureHost`, `announce` and each copy's wiring made, and make again what somebody took away or
   * changed. Nothing of it needs the store, and it may be called at any time.
   */
  keepHost(): Promise<HostCare>;
  /** Called soon (an event, not polling by seconds) after a running copy's last process is gone. */
  onExit(listener: (container: string) => void): void;
  versions(): Promise<Manifest["versions"]>;
}

/** An engine as it is on this host now. */
export interface EngineLook {
  /** Why it does not work, one sentence; null: it does. */
  fault: string | null;
  /** Copies that it does not have any more, or cannot start. */
  lost: string[];
}

export type ProbeResult =
  | { result: "healthy" }
  | { result: "failed"; fault: string }
  /** The question did not come to the application, by a fault of this host: nothing is known of it. */
  | { result: "unasked"; why: string };

/** What was found missing or changed of the host's own part, each as a sentence. */
export interface HostCare {
  mended: string[];
  /** Still so, and why. */
  broken: string[];
}

/** CRIU cannot dump what the container is, on no host; at no time, or (`mayPass`) not while it does what it does now. */
export class Undumpable extends Error {
  readonly mayPass: boolean;

  constructor(message: string, { mayPass = false, cause }: { mayPass?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = "Undumpable";
    this.mayPass = mayPass;
  }
}

export interface DumpResult {
  /** From the beginning of its freeze, the instant that it is a dump of, until this is returned. */
  frozenMs: number;
  connections: Connection[];
}

/** The store of generations on this host (safety.md 1.10). */
export interface Disk {
  /** Complete generations here, or of one container, by reading manifests; torn and temporary ones are not listed. */
  list(container?: string): Promise<Manifest[]>;
  /** A fresh temporary folder to dump into; what an earlier attempt left is removed. */
  begin(generation: GenerationRef): Promise<string>;
  /** Hash and fsync the files, write and fsync the manifest, rename, fsync the parent. Returns the manifest's hash. */
  seal(
    generation: GenerationRef,
    manifest: Omit<Manifest, "trees">,
  ): Promise<{ manifest: Manifest; sha256: string; bytes: number }>;
  /** Re-hash every file; returns the folder, or throws with the file that is torn or altered. */
  verify(generation: GenerationRef, manifestSha: string): Promise<{ folder: string; manifest: Manifest }>;
  /** Where a complete generation lies, if it is here. */
  folder(generation: GenerationRef): string;
  /**
   * The folder of images that a peer streams here (Net.sendImages), as soon as what an engine needs to begin is there;
   * `complete` resolves when all is. Rejects, or `complete` does, when the stream breaks, or after `timeoutMs`.
   * `remove` deletes it.
   */
  arriving(
    generation: GenerationRef,
    timeoutMs: number,
  ): Promise<{ folder: string; complete: Promise<unknown> }>;
  /** Delete one generation, complete or not. */
  remove(generation: GenerationRef): Promise<void>;
  /** Refuse generations with an epoch below this from now on (the token is checked at the resource). */
  raiseEpoch(container: string, epoch: number): Promise<void>;
  /** Delete everything of a container. */
  forget(container: string): Promise<void>;
}

export interface HostPort {
  bootId(): Promise<string>;
  /** The session file of this boot, or null. Survives a restart of the agent, not of the host. */
  readSession(): Promise<{ sid: string; bootId: string; record: string } | null>;
  writeSession(session: { sid: string; bootId: string; record: string }): Promise<void>;
  /**
   * The last session that this machine began, over restarts of the host as well; null where it never began one: it is
   * new under its name, or has lost its disk.
   */
  lastSid(): Promise<string | null>;
  newSid(): string;
  memoryMb(): Promise<number>;
  /** When the host's certificate ends, ISO 8601. */
  certificateUntil(): Promise<string>;
  /** Why nobody accepts the host's certificate, one sentence; null: nothing is wrong with it. */
  certificateFault(): Promise<string | null>;
}

/** What switches another host off (safety.md 1.9). */
export interface Fencing {
  /**
   * Runs the fencing command. Resolves only when it says that the host is off; rejects when it is missing, fails or
   * does not end in time.
   */
  switchOff(argv: string[]): Promise<void>;
}

export interface Log {
  debug(sentence: string): void;
  info(sentence: string): void;
  warn(sentence: string): void;
  /** What happened and why, in one sentence; kept for `container-ha events`. */
  event(event: Omit<Event, "at" | "host">): void;
}
