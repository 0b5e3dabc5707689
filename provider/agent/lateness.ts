import type { Context } from "./context";
import { type Arrivals, lateAt } from "./detector";
import { beatInterval } from "./pace";

/**
 * Brings up to date whose next heartbeat is late, and wakes the agent where one is that was not: W of what may have died
 * is counted from the first read of its last renewal, and the next quiet read would be a while off. Called whenever a
 * heartbeat comes or goes, when the agent is awake anyway: timers for each peer would be much of what it costs idle.
 */
export function updateLate(session: Context, arrivals: ReadonlyMap<string, Arrivals>): void {
  const now = session.env.clock.now();
  const interval = beatInterval(session);
  const next = new Set<string>();
  for (const [peer, seen] of arrivals) {
    const isOfSession = session.view.hosts.get(peer)?.session?.value.sid === seen.sid;
    if (isOfSession && lateAt(seen, interval) <= now) next.add(peer);
  }
  const isNew = [...next].some((peer) => !session.late.has(peer));
  session.late = next;
  if (isNew) session.wake();
}
