import { flip } from "./flip";
import type { RenewalPlan } from "./renewal";
import { type Flight, isDue, type LeaseContext, lapse, type Session } from "./state";

/** How long an attempt without a reply of the store waits for the promises, from when they are asked for. */
const PATIENCE_MS = 250;

/**
 * What goes on beside a renewal that the store may not acknowledge. safety: its timers were armed before anybody was
 * asked, and every promise is counted by its giver from later on. So the gate closes before the first of them ends,
 * exactly as with the store's acknowledgement (safety.md 1.2, 1.7).
 */
export interface Beside {
  /** The store gave no reply: whether promises renewed the lease; `failure`: they did, and the gate did not follow. */
  verdict(): Promise<{ promised: boolean; failure: string | null }>;
  /** From now on no promise opens anything. Resolves when a flip that had begun is done. */
  end(): Promise<void>;
}

export function askBeside(
  context: LeaseContext,
  o: { session: Session; plan: RenewalPlan; armedAt: number; flight: Flight },
): Beside {
  const { state, env, emit } = context;
  const { session, plan, flight } = o;
  if (!mayAsk(context, o))
    return { verdict: async () => ({ promised: false, failure: null }), end: async () => {} };
  const over = new AbortController();
  const answered = new AbortController();
  const attempt = `${o.armedAt}/${state.n}`;
  let askedAt: number | null = null;
  let promised = false;
  let failure: string | null = null;
  let flipping: Promise<void> = Promise.resolve();

  const ask = () => {
    if (askedAt !== null || over.signal.aborted) return;
    askedAt = env.clock.now();
    state.asking = {
      sid: session.sid,
      attempt,
      answered(all) {
        state.asking = null;
        flipping = (all ? renew() : Promise.resolve()).finally(() => answered.abort());
      },
    };
    emit({ type: "asking", sid: session.sid, attempt, macs: [...flight.macs], leaseMs: plan.heartbeatMs });
  };

  const renew = async () => {
    const now = env.clock.now();
    if (state.session !== session) return;
    if (isDue(session, now)) lapse(context, session);
    if (session.lapsed || now >= o.armedAt + plan.armMs) return;
    session.renewedAt = o.armedAt;
    session.heldMs = plan.armMs;
    promised = true;
    failure = await flip(context, o);
  };

  const end = async () => {
    over.abort();
    if (state.asking?.attempt === attempt) state.asking = null;
    await flipping;
  };

  // A store that answered the last renewal may only be slow.
  if (session.strained) ask();
  else void env.clock.sleep(state.timing.intervalMs, over.signal).then(ask);
  return {
    async verdict() {
      ask();
      const left = (askedAt ?? 0) + PATIENCE_MS - env.clock.now();
      await env.clock.sleep(left, answered.signal);
      await end();
      return { promised, failure };
    },
    end,
  };
}

/**
 * Only what is open goes on. safety: after a lapse, a refusal, a restart of this process, and before a join, the owner records have
 * to be looked at, which no promise can stand in for; a longer lease has to be announced before others can wait for it.
 */
function mayAsk(
  { state }: LeaseContext,
  { session, plan, flight }: { session: Session; plan: RenewalPlan; flight: Flight },
): boolean {
  if (!state.failsafe || !session.acknowledged || session.lapsed || session.doubted) return false;
  return !plan.announcing && flight.join === null && flight.macs.size > 0;
}
