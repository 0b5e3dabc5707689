import type { Keys } from "../../contract";
import type { Compare, LeaseEvent, TxnOutcome, Write } from "../env";
import type { LeaseEnv } from "./env";
import type { ActiveSet, LeaseSession } from "./renewal";

/** What the lease process knows. Only functions of this folder change it. */
export interface LeaseState {
  group: string;
  host: string;
  keys: Keys;
  timing: { leaseMs: number; intervalMs: number };
  /** A longer lease for a planned stop, ms; 0: none. */
  holdMs: number;
  session: Session | null;
  /** MACs that every renewal arms and opens. */
  members: Set<string>;
  /** MACs that are open, while their timer runs. */
  open: Set<string>;
  /** The set that the gate looks into; null: not known, so everything is closed before the next set is armed. */
  active: ActiveSet | null;
  /** The renewal that is on its way. */
  flight: Flight | null;
  joins: PendingJoin[];
  /** Whether promises of others may stand in for the store (safety.md 1.7). */
  failsafe: boolean;
  /** What the agent is being asked for beside the renewal that is on its way. */
  asking: Asking | null;
  /** Counts renewals. */
  n: number;
}

export interface Session extends LeaseSession {
  /** When the last acknowledged renewal was armed (before it was sent), and for how long. */
  renewedAt: number;
  heldMs: number;
  acknowledged: boolean;
  lapsed: boolean;
  /** Found by this process when it started: it opens again what the owner records allow. */
  continued: boolean;
  /** The owner records have yet to be read for that. */
  restore: boolean;
  /** The last renewal had no reply of the store. */
  strained: boolean;
  /** A renewal with a join was refused: the next one goes alone, to tell whether it was the join or the session. */
  doubted: boolean;
  /** MACs that left since: a restore must not bring them back. */
  left: Set<string>;
}

/** A leave, a lapse and a rebuilt gate take MACs out of a flight; only what is left in it is opened by its ack. */
export interface Flight {
  macs: Set<string>;
  join: PendingJoin | null;
}

export interface Asking {
  sid: string;
  attempt: string;
  answered(promised: boolean): void;
}

export interface PendingJoin {
  macs: string[];
  compares: readonly Compare[];
  writes: readonly Write[];
  settle(outcome: TxnOutcome): void;
  /** The store refused the request itself; nothing was applied. */
  fail(error: Error): void;
}

export interface LeaseContext {
  state: LeaseState;
  env: LeaseEnv;
  emit(event: LeaseEvent): void;
}

export function newSession(o: {
  sid: string;
  record: string;
  continued: boolean;
  now: number;
  leaseMs: number;
}): Session {
  return {
    sid: o.sid,
    record: o.record,
    continued: o.continued,
    restore: o.continued,
    anchor: null,
    announcedMs: 0,
    renewedAt: o.now,
    heldMs: o.leaseMs,
    acknowledged: false,
    lapsed: false,
    strained: false,
    doubted: false,
    left: new Set(),
  };
}

/** True once no renewal was acknowledged for a whole lease. */
export function isDue(session: Session, now: number): boolean {
  return now >= session.renewedAt + session.heldMs;
}

/**
 * The session lapsed. safety: what was open stays out of all renewals until it is joined again, after the agent has
 * looked at its owner records; only a join that is on its way brings its own compares.
 */
export function lapse({ state, env, emit }: LeaseContext, session: Session): void {
  if (session.lapsed) return;
  session.lapsed = true;
  state.members.clear();
  state.open.clear();
  dropUnsent(state, "the session lapsed");
  session.restore = false;
  if (state.flight) state.flight.macs = new Set(joining(state.flight));
  emit({ type: "lapsed", sid: session.sid });
  env.log.warn(`No renewal was acknowledged for ${Math.round(session.heldMs)} ms: the gate is closed.`);
  // The timers have closed it already; this keeps a later look at the table plain.
  env.kernel.closeAll().catch(() => {
    state.active = null;
  });
}

/** MACs of the flight's own join that have not left meanwhile. */
export function joining(flight: Flight): string[] {
  return flight.join?.macs.filter((mac) => flight.macs.has(mac)) ?? [];
}

/** Ends what goes on under the session; the caller closes the gate. */
export function endSession(state: LeaseState): void {
  state.session = null;
  state.members.clear();
  state.open.clear();
  state.flight?.macs.clear();
  dropUnsent(state, "the session ended");
}

/** Ends the joins that wait for a renewal. */
export function dropUnsent(state: LeaseState, why: string): void {
  for (const join of state.joins.splice(0)) join.settle(notSent(why));
}

/** Not `refused`, which would tell the agent that a compare failed, that is that somebody else wrote the record. */
export function notSent(why: string): TxnOutcome {
  return { result: "unknown", cause: `not sent: ${why}` };
}
