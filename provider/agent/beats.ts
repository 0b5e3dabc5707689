import type { Context } from "./context";
import type { Arrivals } from "./detector";
import { beatInterval } from "./pace";
import { updateLate } from "./suspicion";

/** The lease process hears this often that the agent is alive: several times in the silence that it allows. */
const PING_MS = 1000;

export interface Beats {
  /** How late the last heartbeat of this host was, ms: others' may then only seem late. */
  lagMs(): number;
  stop(): void;
}

/**
 * Sends heartbeats on a schedule of their own: a long action must not look like a death. The lease process is told that
 * the agent is alive for as long as `isAlive` says so.
 */
export function beatForever(
  session: Context,
  { arrivals, isAlive }: { arrivals: ReadonlyMap<string, Arrivals>; isAlive: () => boolean },
): Beats {
  const { env, me } = session;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, session.signal]);
  let lagMs = 0;
  const loop = async () => {
    let pingedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      env.net.beat(me.sid);
      updateLate(session, arrivals);
      const before = env.clock.now();
      if (before - pingedAt >= PING_MS && isAlive()) {
        pingedAt = before;
        env.gate.ping();
      }
      await env.clock.sleep(beatInterval(session), signal);
      lagMs = Math.max(0, env.clock.now() - before - beatInterval(session));
    }
  };
  loop().catch((error: Error) => {
    if (!signal.aborted) env.log.warn(`heartbeats stopped: ${error.message}`);
  });
  return { lagMs: () => lagMs, stop: () => stop.abort() };
}
