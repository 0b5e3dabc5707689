import type { Context } from "./context";
import { heartbeatAge, isOverdue, untilFence } from "./observe";
import { sessionHolds } from "./view";

/** While W of a suspected peer is counted the store is read this often, so that it is counted closely. */
const SUSPICION_READ_MS = 25;
/** While a container is handed over from here. */
const MOVE_READ_MS = 50;
/** While a container that was moved here waits for this host to own it, nobody serves it. */
const HANDOVER_READ_MS = 10;
/**
 * Otherwise it is read as often as keeps every count of W, which starts anew after a gap of W/2 (safety.md 1.2, I9), and
 * no more often, since reads are what an idle agent costs; in long profiles more often, since what is wanted of it is
 * read with them.
 */
const QUIET_READS_PER_W = 2.5;
const MOST_READ_MS = 500;

/** Sleeps until the next cycle is due, or something wakes the agent. `quorum`: the store answered last. */
export async function pause(session: Context, woken: AbortSignal, quorum: boolean): Promise<void> {
  if (woken.aborted) return;
  await session.env.clock.sleep(readPause(session, quorum), woken).catch(() => {});
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
  const quiet = Math.min(fenceMs / QUIET_READS_PER_W, MOST_READ_MS);
  // Whether who is late is to be suspected is judged after each read.
  return quorum && !isFresh(session, session.late) ? quiet : Math.min(quiet, intervalMs);
}

/**
 * Whether a peer's W runs, or ran out so lately that its fence may still be on its way. A peer that has lost only the
 * store is not suspected, since it is heard; its key tells.
 */
function isCounting(session: Context): boolean {
  const { env, me, suspects, observations, policy, view } = session;
  const now = env.clock.now();
  const { timing, hosts } = policy;
  return isFresh(session, suspects) || hosts.some(({ name }) => name !== me.host && isHeldOverdue(name));

  function isHeldOverdue(name: string): boolean {
    const sid = view.hosts.get(name)?.session?.value.sid;
    return sid !== undefined && sessionHolds(view, name, sid) && isOverdue(observations, name, timing, now);
  }
}

/** Whether one of these peers renewed its key not long ago, so that its end may still be near. */
function isFresh({ env, observations, policy }: Context, peers: ReadonlySet<string>): boolean {
  const limit = 2 * policy.timing.fenceMs;
  return [...peers].some((peer) => (heartbeatAge(observations, peer, env.clock.now()) ?? 0) < limit);
}

/** How often UDP heartbeats are sent, ms. */
export function beatInterval(session: Context): number {
  return session.policy.timing.intervalMs;
}
