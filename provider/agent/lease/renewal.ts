import type { Keys } from "../../contract";
import type { Compare, Txn, Write } from "../env";
import type { Slot } from "./env";

/** The session under which this host renews. */
export interface LeaseSession {
  sid: string;
  /** Exact text of the session record in the store. */
  record: string;
  /**
   * Revision of the session record that renewals compare with; null: not known. An announcement rewrites the record,
   * so that every renewal sent before it, whose reply was lost, can no longer commit.
   */
  anchor: number | null;
  /** No renewal that may still commit announces less than this, ms; 0: nothing is known to be announced. */
  announcedMs: number;
}

export interface ActiveSet {
  slot: Slot;
  /** The timeout its elements were armed with; 0: it is empty. */
  leaseMs: number;
}

export interface RenewalPlan {
  slot: Slot;
  armMs: number;
  /** What the heartbeat says: the larger of the active and the armed timeout, or a longer one that will be armed. */
  heartbeatMs: number;
  /** Rewrites the session record, so that no older renewal with a shorter lease can commit after this one. */
  announcing: boolean;
}

/**
 * What to arm and what to announce. safety: an observer waits for the lease of the heartbeat it saw last. A timeout
 * may therefore be armed only when no renewal that announces less can commit any more: a longer lease is announced,
 * and the announcement acknowledged, before it is armed. The first renewal of a process arms at once what it
 * announces: nothing is open before its own acknowledgement, and its rewrite of the session record shuts out what an
 * earlier process left in flight.
 */
export function planRenewal(o: { active: ActiveSet; announcedMs: number; leaseMs: number }): RenewalPlan {
  const announcing = o.leaseMs > o.announcedMs;
  const armMs = announcing && o.announcedMs > 0 ? o.announcedMs : o.leaseMs;
  const armed = Math.max(o.active.leaseMs, armMs);
  return {
    slot: idle(o.active.slot),
    armMs,
    heartbeatMs: announcing ? Math.max(armed, o.leaseMs) : armed,
    announcing,
  };
}

function idle(slot: Slot): Slot {
  return slot === "a" ? "b" : "a";
}

export interface RenewalParts {
  keys: Keys;
  host: string;
  session: LeaseSession & { anchor: number };
}

/** The renewal: holds only while the session is ours, not fenced, and not announced anew since. */
export function renewalTxn(
  o: RenewalParts & {
    n: number;
    plan: RenewalPlan;
    join?: { compares: readonly Compare[]; writes: readonly Write[] } | null;
  },
): Txn {
  const { keys, host, session, plan } = o;
  const sessionKey = keys.session(host);
  const heartbeat = JSON.stringify({ sid: session.sid, n: o.n, leaseMs: plan.heartbeatMs });
  return {
    compares: [
      ...sessionCompares(o),
      { key: sessionKey, modRevision: session.anchor },
      ...(o.join?.compares ?? []),
    ],
    writes: [
      { put: keys.heartbeat(host), value: heartbeat },
      ...(plan.announcing ? [{ put: sessionKey, value: session.record }] : []),
      ...(o.join?.writes ?? []),
    ],
  };
}

/**
 * Is the session still ours and not fenced? Deleting a key that never exists makes it a write: the answer comes from
 * the replicated log, not from a member that may be behind. It changes nothing, whenever it commits.
 */
export function judgeTxn(o: { keys: Keys; host: string; session: LeaseSession }): Txn {
  return { compares: sessionCompares(o), writes: [{ delete: `${o.keys.session(o.host)}/none` }] };
}

function sessionCompares(o: { keys: Keys; host: string; session: LeaseSession }): Compare[] {
  return [
    { key: o.keys.session(o.host), value: o.session.record },
    { key: o.keys.fence(o.host, o.session.sid), modRevision: 0 },
  ];
}
