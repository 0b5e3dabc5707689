import { rejoinsIn } from "./rejoin";
import type { LeaseContext, PendingJoin, Session } from "./state";

/**
 * Reads the revision that renewals of this session compare with. After a restart of this process, the owner records of
 * the same read say what may be opened again. Null when it is known, else why not.
 */
export async function findAnchor(context: LeaseContext, session: Session): Promise<string | null> {
  const { state, env } = context;
  const toRestore = session.restore && !session.doubted;
  if (session.anchor !== null && !toRestore) return null;
  try {
    const records = await env.store.read();
    if (state.session !== session) return "another session was adopted";
    // The revision of another's record, or 0 where there is none, is refused by the store, and then judged.
    session.anchor ??= records.get(state.keys.session(state.host))?.modRevision ?? 0;
    if (toRestore) {
      session.restore = false;
      const rejoins = rejoinsIn({ group: state.group, host: state.host, sid: session.sid, records });
      state.joins.unshift(...rejoins.map((rejoin) => restoring(context, session, rejoin)).filter(hasMacs));
    }
    return null;
  } catch (error) {
    // With a known revision the renewals go on; what may be opened again is read later.
    return session.anchor === null ? `the store could not be read: ${(error as Error).message}` : null;
  }
}

function restoring(
  { state }: LeaseContext,
  session: Session,
  rejoin: Pick<PendingJoin, "macs" | "compares">,
): PendingJoin {
  const lookAgain = () => {
    if (state.session !== session || session.lapsed) return;
    session.restore = true;
  };
  return {
    macs: rejoin.macs.filter((mac) => !session.left.has(mac)),
    compares: rejoin.compares,
    writes: [],
    // Refused: a record changed since the read.
    settle: (outcome) => {
      if (outcome.result !== "committed") lookAgain();
    },
    fail: lookAgain,
  };
}

function hasMacs(join: PendingJoin): boolean {
  return join.macs.length > 0;
}
