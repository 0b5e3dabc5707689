import {
  type Fence,
  type FenceIntent,
  type Generation,
  keysOf,
  type Owner,
  type Session,
  specDigest,
} from "../contract";
import type { Compare, Txn, Write } from "./env";
import type { ContainerView, HostView, Rec } from "./view";

/** This agent's incarnation; `record` is the exact text of `host/<h>/session`, which every write compares. */
export interface Me {
  group: string;
  host: string;
  sid: string;
  record: string;
}

/** Every write by an agent carries these: its session stands and no tombstone ends it (safety.md 1.1). */
export function sessionCompares(me: Me): Compare[] {
  const keys = keysOf(me.group);
  return [
    { key: keys.session(me.host), value: me.record },
    { key: keys.fence(me.host, me.sid), modRevision: 0 },
  ];
}

/** F of safety.md 1.4: the heartbeat's last revision was `rev`, so no renewal of that session can follow. */
export function fenceTxn(me: Me, target: HostView, rev: number, fence: Fence): Txn {
  const keys = keysOf(me.group);
  const session = target.session!;
  return {
    compares: [
      { key: keys.heartbeat(target.name), modRevision: rev },
      { key: keys.session(target.name), modRevision: session.rev },
      { key: keys.fence(target.name, session.value.sid), modRevision: 0 },
      ...sessionCompares(me),
    ],
    writes: [{ put: keys.fence(target.name, session.value.sid), value: JSON.stringify(fence) }],
  };
}

/** Who alone may run the fencing command against a silent host; one who is gone is replaced. */
export function fenceIntentTxn(me: Me, target: HostView, rev: number, intent: FenceIntent): Txn {
  const keys = keysOf(me.group);
  const session = target.session!;
  const key = keys.fenceIntent(target.name, session.value.sid);
  return {
    compares: [
      { key: keys.heartbeat(target.name), modRevision: rev },
      { key: keys.session(target.name), modRevision: session.rev },
      { key: keys.fence(target.name, session.value.sid), modRevision: 0 },
      { key, modRevision: target.intents.get(session.value.sid)?.rev ?? 0 },
      ...sessionCompares(me),
    ],
    writes: [{ put: key, value: JSON.stringify(intent) }],
  };
}

/**
 * T of safety.md 1.4: take the container of a fenced session, or of an owner that gave it up (STOPPED), under the
 * next epoch. `gen` is kept only under the same specification; otherwise it is dropped and the start is cold.
 */
export function takeOverTxn(
  me: Me,
  container: ContainerView,
  { fence, at, reason }: { fence: Rec<Fence> | null; at: string; reason: string },
): { txn: Txn; owner: Owner } {
  const keys = keysOf(me.group);
  const before = container.owner!;
  const proof: Compare[] = fence
    ? [{ key: keys.fence(before.value.host, before.value.sid), modRevision: fence.rev }]
    : [];
  if (container.failsafe)
    proof.push({ key: keys.failsafe(container.name), modRevision: container.failsafe.rev });
  const next = beginning(container, { me, epoch: before.value.epoch + 1, at, reason });
  const owner: Owner = {
    ...next.owner,
    tries: 0,
    triedHosts: next.owner.specDigest === before.value.specDigest ? before.value.triedHosts : [],
    lastFailover:
      before.value.host === me.host
        ? before.value.lastFailover
        : { from: before.value.host, to: me.host, at, reason },
  };
  return { txn: ownedTxn(me, container, owner, [...next.compares, ...proof], next.dropsGeneration), owner };
}

/** The first owner of a container that nobody owned yet. */
export function claimTxn(me: Me, container: ContainerView, at: string): Txn {
  // A revision of the store: larger than every epoch of an earlier container of this name, which a host that was away
  // at its removal may still have generations of.
  const epoch = container.spec!.rev;
  const next = beginning(container, { me, epoch, at, reason: "first start" });
  return ownedTxn(me, container, next.owner, next.compares, next.dropsGeneration);
}

/**
 * A new beginning on the same host: a restore after a crash, a cold restart, a changed specification. The epoch rises
 * first, so that a generation still streaming from the old life cannot commit into the new one (safety.md 1.4).
 */
export function beginAgainTxn(
  me: Me,
  container: ContainerView,
  { cold, tries, at, reason }: { cold: boolean; tries: number; at: string; reason: string },
): Txn {
  const before = container.owner!.value;
  const next = beginning(container, { me, epoch: before.epoch + 1, at, reason, cold });
  const owner: Owner = {
    ...next.owner,
    tries,
    // A changed specification is a new start for hosts that gave up under the old one.
    triedHosts: next.owner.specDigest === before.specDigest ? before.triedHosts : [],
    lastFailover: before.lastFailover,
  };
  return ownedTxn(me, container, owner, next.compares, next.dropsGeneration);
}

/** The owner's change of phase without a new epoch. The caller adds it to the lease's renewal or sends it itself. */
export function phaseWrites(
  me: Me,
  container: ContainerView,
  change: Pick<Owner, "phase" | "reason"> & Partial<Pick<Owner, "triedHosts" | "tries" | "failoverTo">>,
  at: string,
): Txn {
  const keys = keysOf(me.group);
  const owner: Owner = { ...container.owner!.value, ...change, since: at };
  return {
    compares: [{ key: keys.owner(container.name), modRevision: container.owner!.rev }],
    writes: [{ put: keys.owner(container.name), value: JSON.stringify(owner) }],
  };
}

/** Step 3 of safety.md 1.10: only a committed answer to this makes the generation an acknowledged one. */
export function commitTxn(me: Me, container: ContainerView, generation: Generation): Txn {
  const keys = keysOf(me.group);
  return {
    compares: [
      { key: keys.owner(container.name), modRevision: container.owner!.rev },
      { key: keys.generation(container.name), modRevision: container.generation?.rev ?? 0 },
      ...sessionCompares(me),
    ],
    writes: [{ put: keys.generation(container.name), value: JSON.stringify(generation) }],
  };
}

/** Who holds the named generation; nothing else of it changes. */
export function holdersTxn(me: Me, container: ContainerView, holders: string[]): Txn {
  const keys = keysOf(me.group);
  const { value, rev } = container.generation!;
  return {
    compares: [{ key: keys.generation(container.name), modRevision: rev }, ...sessionCompares(me)],
    writes: [{ put: keys.generation(container.name), value: JSON.stringify({ ...value, holders }) }],
  };
}

export function standbysTxn(me: Me, container: ContainerView, hosts: string[]): Txn {
  const keys = keysOf(me.group);
  return {
    compares: [
      { key: keys.owner(container.name), modRevision: container.owner!.rev },
      { key: keys.standbys(container.name), modRevision: container.standbys?.rev ?? 0 },
      ...sessionCompares(me),
    ],
    writes: [{ put: keys.standbys(container.name), value: JSON.stringify({ hosts }) }],
  };
}

/**
 * Who alone may take the container from a fenced owner (safety.md 1.7); null: every host. For the lease's renewal: the
 * heartbeat that it writes lets every W begin anew, so that nobody takes the container on the strength of the new list
 * while promises by the old one keep it open.
 */
export function failsafeWrites(me: Me, container: ContainerView, members: string[] | null): Txn {
  const keys = keysOf(me.group);
  const key = keys.failsafe(container.name);
  return {
    compares: [
      { key: keys.owner(container.name), modRevision: container.owner!.rev },
      { key, modRevision: container.failsafe?.rev ?? 0 },
    ],
    writes: [members ? { put: key, value: JSON.stringify({ members }) } : { delete: key }],
  };
}

/** Deletes what is left of a container whose specification is gone and whose owner is this host or can own no more. */
export function forgetTxn(me: Me, container: ContainerView, fence: Rec<Fence> | null): Txn {
  const keys = keysOf(me.group);
  const owner = container.owner;
  const proof: Compare[] =
    owner && fence ? [{ key: keys.fence(owner.value.host, owner.value.sid), modRevision: fence.rev }] : [];
  return {
    compares: [
      { key: keys.spec(container.name), modRevision: 0 },
      { key: keys.owner(container.name), modRevision: owner?.rev ?? 0 },
      ...proof,
      ...sessionCompares(me),
    ],
    writes: [keys.owner, keys.generation, keys.standbys, keys.schedule, keys.migration, keys.failsafe].map(
      (key) => ({
        delete: key(container.name),
      }),
    ),
  };
}

/** The new session of a host; `before` is what stands there. A tombstone for the old one is written with it. */
export function sessionTxn(
  host: HostView | undefined,
  {
    group,
    name,
    session,
    tombstone,
  }: { group: string; name: string; session: Session; tombstone: Fence | null },
): Txn {
  const keys = keysOf(group);
  const old = host?.session ?? null;
  return {
    compares: [{ key: keys.session(name), modRevision: old?.rev ?? 0 }],
    writes: [
      { put: keys.session(name), value: JSON.stringify(session) },
      ...(old && tombstone && !host!.fences.has(old.value.sid)
        ? [{ put: keys.fence(name, old.value.sid), value: JSON.stringify(tombstone) }]
        : []),
    ],
  };
}

/**
 * What a cold beginning writes together with its phase RUNNING: from there on nothing of the life before may be restored
 * (safety.md 1.4). Until then nobody has seen the new life, and where it cannot begin the memory is still there.
 */
export function coldWrites(me: Me, container: ContainerView): Write[] {
  return [{ delete: keysOf(me.group).generation(container.name) }];
}

interface Beginning {
  owner: Owner;
  compares: Compare[];
  /** It is of another specification, and nothing will be restored from it. */
  dropsGeneration: boolean;
}

function beginning(
  container: ContainerView,
  life: { me: Me; epoch: number; at: string; reason: string; cold?: boolean },
): Beginning {
  const keys = keysOf(life.me.group);
  const digest = specDigest(container.spec!.value);
  const named = container.generation?.value ?? null;
  const usable = !life.cold && named !== null && named.specDigest === digest;
  return {
    owner: {
      host: life.me.host,
      sid: life.me.sid,
      epoch: life.epoch,
      phase: "RESTORING",
      gen: usable ? { epoch: named.epoch, gen: named.gen } : null,
      specDigest: digest,
      tries: 0,
      triedHosts: [],
      reason: life.reason,
      since: life.at,
      lastFailover: null,
    },
    compares: [
      { key: keys.owner(container.name), modRevision: container.owner?.rev ?? 0 },
      { key: keys.generation(container.name), modRevision: container.generation?.rev ?? 0 },
      { key: keys.spec(container.name), modRevision: container.spec!.rev },
    ],
    dropsGeneration: named !== null && named.specDigest !== digest,
  };
}

function ownedTxn(
  me: Me,
  container: ContainerView,
  owner: Owner,
  compares: Compare[],
  dropsGeneration: boolean,
): Txn {
  const keys = keysOf(me.group);
  return {
    compares: [...compares, ...sessionCompares(me)],
    writes: [
      { put: keys.owner(container.name), value: JSON.stringify(owner) },
      // A handover of the life before is over, whatever had become of it.
      { delete: keys.migration(container.name) },
      ...(dropsGeneration ? [{ delete: keys.generation(container.name) }] : []),
    ],
  };
}
