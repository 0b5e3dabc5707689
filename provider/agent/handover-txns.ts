import { keysOf, type Migration, type Owner } from "../contract";
import type { Compare, Txn } from "./env";
import { type Me, sessionCompares } from "./ownership";
import type { ContainerView, HostView } from "./view";

/** M0 of safety.md 1.11: only the owner that runs it begins a handover, and only one at a time. */
export function beginHandoverTxn(me: Me, container: ContainerView, migration: Migration): Txn {
  const keys = keysOf(me.group);
  return {
    compares: [
      { key: keys.owner(container.name), modRevision: container.owner!.rev },
      { key: keys.migration(container.name), modRevision: 0 },
      ...sessionCompares(me),
    ],
    writes: [{ put: keys.migration(container.name), value: JSON.stringify(migration) }],
  };
}

export function stageTxn(me: Me, container: ContainerView, stage: Migration["stage"]): Txn {
  const value = JSON.stringify({ ...container.migration!.value, stage });
  return {
    compares: [...recordCompares(me, container), ...sessionCompares(me)],
    writes: [{ put: keysOf(me.group).migration(container.name), value }],
  };
}

/**
 * Every rollback before M4 begins with this: once it is acknowledged, an M4 that is still on its way cannot commit.
 * Refused: the owner changed, so that M4 has committed or another host took the container.
 */
export function rollBackTxn(me: Me, container: ContainerView): Txn {
  return {
    compares: [...recordCompares(me, container), ...sessionCompares(me)],
    writes: [{ delete: keysOf(me.group).migration(container.name) }],
  };
}

/** M4, the point of no return: the target owns the container and may run it; the gate here is closed, so no W. */
export function handOverTxn(
  me: Me,
  container: ContainerView,
  { target, gen, at }: { target: HostView; gen: Owner["gen"]; at: string },
): Txn {
  const { to, toSid, reason } = container.migration!.value;
  const before = container.owner!.value;
  const owner: Owner = {
    ...before,
    host: to,
    sid: toSid,
    epoch: before.epoch + 1,
    phase: "RESTORING",
    gen,
    tries: 0,
    triedHosts: [],
    reason,
    since: at,
  };
  return {
    compares: [...recordCompares(me, container), ...aliveCompares(me, target, toSid), ...sessionCompares(me)],
    writes: [{ put: keysOf(me.group).owner(container.name), value: JSON.stringify(owner) }],
  };
}

/**
 * The source owns it again under a third epoch, and goes on with its frozen copy: the target never served, since its
 * phase is still RESTORING. Written by the source (`source` null: it is this host) or by the target.
 */
export function giveBackTxn(
  me: Me,
  container: ContainerView,
  { source, at, reason }: { source: HostView | null; at: string; reason: string },
): Txn {
  const keys = keysOf(me.group);
  const { from, fromSid } = container.migration!.value;
  const before = container.owner!.value;
  const named = container.generation?.value ?? null;
  const owner: Owner = {
    ...before,
    host: from,
    sid: fromSid,
    epoch: before.epoch + 1,
    phase: "RESUMING",
    gen: named && { epoch: named.epoch, gen: named.gen },
    reason,
    since: at,
  };
  return {
    compares: [
      ...recordCompares(me, container),
      ...(source ? aliveCompares(me, source, fromSid) : []),
      ...sessionCompares(me),
    ],
    writes: [
      { put: keys.owner(container.name), value: JSON.stringify(owner) },
      { delete: keys.migration(container.name) },
    ],
  };
}

function recordCompares(me: Me, container: ContainerView): Compare[] {
  const keys = keysOf(me.group);
  return [
    { key: keys.owner(container.name), modRevision: container.owner!.rev },
    { key: keys.migration(container.name), modRevision: container.migration!.rev },
  ];
}

/** The other side is in the session that the handover was agreed with, and no tombstone ends it. */
function aliveCompares(me: Me, other: HostView, sid: string): Compare[] {
  const keys = keysOf(me.group);
  if (other.session?.value.sid !== sid) throw new Error(`${other.name} has begun another session`);
  return [
    { key: keys.session(other.name), modRevision: other.session.rev },
    { key: keys.fence(other.name, sid), modRevision: 0 },
  ];
}
