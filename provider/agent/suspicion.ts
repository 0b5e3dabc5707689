import type { Context } from "./context";
import { type Arrivals, suspected } from "./detector";
import { beatInterval } from "./pace";

/** Whose heartbeats have stopped. `ownLagMs`: how late this process itself was. */
export function updateSuspects(
  session: Context,
  { arrivals, ownLagMs }: { arrivals: ReadonlyMap<string, Arrivals>; ownLagMs: number },
): void {
  const now = session.env.clock.now();
  const intervalMs = beatInterval(session);
  const next = new Set<string>();
  for (const [host, seen] of arrivals) {
    const record = session.view.hosts.get(host)?.session?.value.sid;
    if (record === seen.sid && suspected(seen, { now, intervalMs, ownLagMs })) next.add(host);
  }
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
