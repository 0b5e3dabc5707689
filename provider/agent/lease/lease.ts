import { keysOf } from "../../contract";
import type { Gate, LeaseEvent, TxnOutcome } from "../env";
import type { LeaseEnv } from "./env";
import { createGateWatch } from "./gate-watch";
import { createNap } from "./nap";
import {
  dropUnsent,
  endSession,
  isDue,
  type LeaseContext,
  type LeaseState,
  lapse,
  newSession,
  notSent,
  type Session,
} from "./state";
import { createTrouble } from "./trouble";
import { AGENT_SILENT_MS, turn } from "./turn";

/** How long a planned stop waits for its longer lease. */
const HOLD_PATIENCE_MS = 1500;
const CLOSE_RETRY_MS = 20;
const STOPPING = "the lease process is stopping";

export interface LeaseOptions {
  group: string;
  host: string;
  /** In force until the agent configures others. */
  timing: { leaseMs: number; intervalMs: number };
  env: LeaseEnv;
  /** Called after every turn of the loop, whatever came of it: the loop is not stuck. */
  onTurn?: () => void;
}

export interface Lease extends Gate {
  /** Resolves when the gate is in place and the loop runs; continues the session of this boot, if there is one. */
  start(): Promise<void>;
  /**
   * Ends the loop after the renewal that is on its way. Nothing is closed: the timers run out. With `holdMs` it first
   * announces and arms a lease of that length, so that the gate stays open over a restart. Why that is safe: an
   * observer waits for the lease that the last heartbeat announces; the longer timers start only after the
   * announcement is committed, and no renewal with a shorter lease can commit after it (planRenewal). So nobody
   * fences before the gate has closed, however long the restart takes; and the next process closes everything before
   * it arms. The price: if this host dies meanwhile, its failover waits that long.
   */
  stop(o?: { holdMs?: number }): Promise<void>;
}

/** The lease of a host: one session, one gate, one serial loop (safety.md 1.2). */
export function createLease(o: LeaseOptions): Lease {
  const { env } = o;
  const { clock, kernel, log } = env;
  const state = newState(o);
  const listeners: ((event: LeaseEvent) => void)[] = [];
  const context: LeaseContext = {
    state,
    env,
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
  };
  const nap = createNap(clock);
  const trouble = createTrouble(log);
  const parts = {
    context,
    gate: createGateWatch(context, trouble),
    trouble,
    agentSilentMs: () => clock.now() - agentSeenAt,
  };
  let agentSeenAt = clock.now();
  let stopAt: number | null = null;
  let finished: Promise<void> = Promise.resolve();

  const isOver = () => {
    if (stopAt === null) return false;
    const { session } = state;
    return !session || session.lapsed || session.heldMs >= state.holdMs || clock.now() >= stopAt;
  };

  async function loop(): Promise<void> {
    const ended = new AbortController();
    const watching = watchLease(context, ended.signal);
    while (!isOver()) {
      const next = await turn(parts);
      o.onTurn?.();
      if (!isOver()) await nap.until(next);
    }
    ended.abort();
    dropUnsent(state, STOPPING);
    await watching;
  }

  return {
    async start() {
      await kernel.ensure();
      const [session, bootId] = await Promise.all([env.host.readSession(), env.host.bootId()]);
      if (session?.bootId === bootId) {
        log.info(`Continuing session ${session.sid}.`);
        state.session = newSession({ ...session, continued: true, ...termsOf(context) });
      }
      agentSeenAt = clock.now();
      finished = loop();
    },

    async stop({ holdMs = 0 } = {}) {
      state.holdMs = parts.agentSilentMs() > AGENT_SILENT_MS ? 0 : holdMs;
      stopAt = clock.now() + HOLD_PATIENCE_MS;
      nap.wake();
      await finished;
    },

    async adopt({ sid, record }) {
      if (state.session?.sid === sid && state.session.record === record) return;
      endSession(state);
      state.active = null;
      await kernel.closeAll();
      state.active = { slot: "b", leaseMs: 0 };
      state.session = newSession({ sid, record, continued: false, ...termsOf(context) });
      nap.wake();
    },

    async configure(config) {
      state.timing = { leaseMs: config.leaseMs, intervalMs: config.intervalMs };
      state.failsafe = config.failsafe ?? false;
      nap.wake();
      await kernel.configure({ protected: config.protected, here: config.here, probe: config.probe });
    },

    join({ mac, compares, writes }) {
      if (!state.session) return Promise.resolve(notSent("no session was adopted"));
      if (stopAt !== null) return Promise.resolve(notSent(STOPPING));
      state.session.left.delete(mac);
      const joined = new Promise<TxnOutcome>((settle, fail) => {
        state.joins.push({ macs: [mac], compares, writes, settle, fail });
      });
      nap.wake();
      return joined;
    },

    async leave(mac) {
      forget(state, mac);
      // safety: only a confirmed close is an answer; the caller may hand the container over as soon as it has it.
      for (;;) {
        try {
          await kernel.close([mac]);
          break;
        } catch (error) {
          trouble.begin("gate", `${mac} could not be closed yet: ${(error as Error).message}`);
          state.active = null;
          await clock.sleep(CLOSE_RETRY_MS);
        }
      }
      state.open.delete(mac);
    },

    async vouch({ sid, attempt, promised }) {
      const { asking } = state;
      // safety: an answer that was gathered for an older attempt says nothing of the timers that run now.
      if (asking?.sid === sid && asking.attempt === attempt) asking.answered(promised);
    },

    state: async () => ({
      sid: state.session?.sid ?? null,
      open: [...state.open],
      lapsed: isLapsed(state.session),
      leaseMs: state.session?.heldMs ?? state.timing.leaseMs,
    }),

    ping() {
      const wasSilent = parts.agentSilentMs() > AGENT_SILENT_MS;
      agentSeenAt = clock.now();
      if (wasSilent) nap.wake();
    },

    onEvent: (listener) => {
      listeners.push(listener);
    },
  };
}

/** After a restart nothing is known to be renewed before the first acknowledgement. */
function isLapsed(session: Session | null): boolean {
  return session !== null && (session.lapsed || (session.continued && !session.acknowledged));
}

function newState(o: LeaseOptions): LeaseState {
  return {
    group: o.group,
    host: o.host,
    keys: keysOf(o.group),
    timing: { ...o.timing },
    holdMs: 0,
    session: null,
    members: new Set(),
    open: new Set(),
    active: null,
    flight: null,
    joins: [],
    failsafe: false,
    asking: null,
    n: 0,
  };
}

function termsOf({ state, env }: LeaseContext): { now: number; leaseMs: number } {
  return { now: env.clock.now(), leaseMs: state.timing.leaseMs };
}

/** Takes a MAC out of everything that could open it. */
function forget(state: LeaseState, mac: string): void {
  state.members.delete(mac);
  state.flight?.macs.delete(mac);
  state.session?.left.add(mac);
  for (const join of state.joins) join.macs = join.macs.filter((other) => other !== mac);
  const empty = state.joins.filter((join) => join.macs.length === 0);
  state.joins = state.joins.filter((join) => join.macs.length > 0);
  for (const join of empty) join.settle(notSent("its MAC left"));
}

/** Tells of a lapse in time, whatever the loop is waiting for. */
async function watchLease(context: LeaseContext, signal: AbortSignal): Promise<void> {
  const { state, env } = context;
  while (!signal.aborted) {
    const { session } = state;
    if (session && !session.lapsed && isDue(session, env.clock.now())) lapse(context, session);
    const waiting = session && !session.lapsed;
    const wait = waiting ? session.renewedAt + session.heldMs - env.clock.now() : state.timing.intervalMs;
    await env.clock.sleep(wait, signal);
  }
}
