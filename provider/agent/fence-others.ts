import { type Context, count, track } from "./context";
import { fenceTxn } from "./ownership";

export interface Fencer {
  /** Begins to fence a host's session, unless that is on its way. */
  fence(host: string, because: string): void;
  /** Why the last fence failed; null: it did not. */
  fault(): string | null;
}

/** Not part of the cycle: while a fence's reply is waited for, reads must go on, or every count of W starts anew. */
export function createFencer(session: Context): Fencer {
  const onTheirWay = new Set<string>();
  let fault: string | null = null;
  return {
    fault: () => fault,
    fence(host, because) {
      if (onTheirWay.has(host)) return;
      onTheirWay.add(host);
      fault = null;
      const work = fence(session, host, because).catch((error: Error) => {
        fault = `${host} was not fenced: ${error.message}`;
      });
      track(
        session,
        work.finally(() => onTheirWay.delete(host)),
      );
    },
  };
}

async function fence(session: Context, host: string, because: string): Promise<void> {
  const { env, me, promises } = session;
  const seen = session.observations.hosts.get(host)!;
  const target = session.view.hosts.get(host)!;
  const record = { by: me.host, method: "timeout" as const, at: env.clock.wall() };
  promises.unsettled.set(host, seen.rev);
  const { result } = await env.store.txn(fenceTxn(me, target, seen.rev, record));
  // One that is committed stands here for as long as no read has shown it.
  if (result === "refused") promises.unsettled.delete(host);
  if (result !== "committed") return;
  count(session, "fences_total");
  env.log.event({ kind: "fence", sentence: `${host} is fenced by ${me.host}: ${because}` });
  session.wake();
}
