import type { Context } from "./context";
import { type Arrivals, lateAt, suspected } from "./detector";
import { beatInterval } from "./pace";

/** Whose heartbeats have stopped. `ownLagMs`: how late this process itself was. */
export function updateSuspects(
  session: Context,
  { arrivals, ownLagMs }: { arrivals: ReadonlyMap<string, Arrivals>; ownLagMs: number },
): void {
  const now = session.env.clock.now();
  const intervalMs = beatInterval(session);
  const next = peersWhere(session, arrivals, (seen) => suspected(seen, { now, intervalMs, ownLagMs }));
  for (const host of next) {
    if (!session.suspects.has(host))
      session.env.log.event({ kind: "suspicion", sentence: `${host} is suspected: its heartbeats stopped` });
  }
  for (const host of session.suspects) {
    if (!next.has(host))
      session.env.log.event({ kind: "suspicion", sentence: `${host} is not suspected any more` });
  }
  session.suspects = next;
}

/**
 * Brings up to date whose next heartbeat is late, and wakes the agent where one is that was not: W of what may have died
 * is counted from the first read of its last renewal, and the next quiet read would be a while off. Called whenever a
 * heartbeat comes or goes, when the agent is awake anyway: timers for each peer would be much of what it costs idle.
 */
export function updateLate(session: Context, arrivals: ReadonlyMap<string, Arrivals>): void {
  const now = session.env.clock.now();
  const intervalMs = beatInterval(session);
  const next = peersWhere(session, arrivals, (seen) => lateAt(seen, intervalMs) <= now);
  const isNew = [...next].some((peer) => !session.late.has(peer));
  session.late = next;
  if (isNew) session.wake();
}

/** Peers of whose recorded session that holds; a session that was replaced is expected to be silent. */
function peersWhere(
  session: Context,
  arrivals: ReadonlyMap<string, Arrivals>,
  holds: (seen: Arrivals) => boolean,
): Set<string> {
  const peers = new Set<string>();
  for (const [peer, seen] of arrivals) {
    const recorded = session.view.hosts.get(peer)?.session?.value.sid;
    if (recorded === seen.sid && holds(seen)) peers.add(peer);
  }
  return peers;
}
