import type { Context } from "./context";
import { type Arrivals, lateAt } from "./detector";
import { heartbeatAge, isOverdue, untilFence } from "./observe";
import { sessionHolds } from "./view";

/** While W of a suspected peer is counted the store is read this often, so that it is counted closely. */
const SUSPICION_READ_MS = 25;
/** While a container is handed over from here. */
const MOVE_READ_MS = 50;
/** While a container that was moved here waits for this host to own it, nobody serves it. */
const HANDOVER_READ_MS = 10;
/**
 * Otherwise it is read as often as keeps every count of W: with W/6 between two reads, two of them may fail before a
 * gap of W/2 starts the counts anew (safety.md 1.2, I9). In short profiles less often, since reads are what an idle
 * agent costs; in long ones more often, since what is wanted of it is read with them.
 */
const QUIET_READS_PER_W = 6;
const LEAST_READ_MS = 200;
const MOST_READ_MS = 500;

/** What the agent knows beside its session. */
interface Known {
  /** Heartbeats, by the peer that sent them. */
  arrivals: ReadonlyMap<string, Arrivals>;
  /** The store answered last. */
  quorum: boolean;
}

/**
 * Sleeps until the next cycle is due, something wakes the agent, or a heartbeat is late: W of what may have died is
 * counted from the first read of its last renewal, and the next quiet read would be a while off.
 */
export async function pause(session: Context, woken: AbortSignal, known: Known): Promise<void> {
  const due = session.env.clock.now() + readPause(session, known.quorum);
  const heard = new Set(heardPeers(session, known.arrivals));
  for (;;) {
    const now = session.env.clock.now();
    const late = [...heard].map((peer) => lateAt(known.arrivals.get(peer)!, beatInterval(session)));
    if (woken.aborted || now >= due || late.some((at) => at <= now)) return;
    await session.env.clock.sleep(Math.min(due, ...late) - now, woken).catch(() => {});
  }
}

/** Peers whose next heartbeat is not late yet. */
function heardPeers(session: Context, arrivals: ReadonlyMap<string, Arrivals>): string[] {
  const now = session.env.clock.now();
  const interval = beatInterval(session);
  return [...arrivals].flatMap(([peer, seen]) => {
    const known = session.view.hosts.get(peer)?.session?.value.sid === seen.sid;
    return known && lateAt(seen, interval) > now ? [peer] : [];
  });
}

function readPause(session: Context, quorum: boolean): number {
  const locals = [...session.locals.values()];
  // A container that was moved here waits before its next instruction for the word that this host owns it.
  if (locals.some((local) => local.heldFor !== null)) return HANDOVER_READ_MS;
  const { timing } = session.policy;
  if (isCounting(session))
    return Math.min(SUSPICION_READ_MS, untilFence(session.observations, timing, session.env.clock.now()));
  // A target that dies now is to be suspected soon; what is moved needs the processor, too.
  if (locals.some((local) => local.standing === "HANDOVER")) return MOVE_READ_MS;
  const { fenceMs, intervalMs } = timing;
  const quiet = Math.min(Math.max(fenceMs / QUIET_READS_PER_W, LEAST_READ_MS), MOST_READ_MS);
  return quorum ? quiet : Math.min(quiet, intervalMs);
}

/**
 * Whether a peer's W runs, or ran out so lately that its fence may still be on its way. A peer that has lost only the
 * store is not suspected, since it is heard; its key tells.
 */
function isCounting({ env, me, suspects, observations, policy: { timing, hosts }, view }: Context): boolean {
  const now = env.clock.now();
  const limit = 2 * timing.fenceMs;
  const suspected = [...suspects].some((host) => (heartbeatAge(observations, host, now) ?? 0) < limit);
  return suspected || hosts.some(({ name }) => name !== me.host && isHeldOverdue(name));

  function isHeldOverdue(name: string): boolean {
    const sid = view.hosts.get(name)?.session?.value.sid;
    return sid !== undefined && sessionHolds(view, name, sid) && isOverdue(observations, name, timing, now);
  }
}

/** How often UDP heartbeats are sent, ms. */
export function beatInterval(session: Context): number {
  return session.policy.timing.intervalMs;
}
