import type { Context } from "../context";
import { isLiveMember } from "../input";

/** What the work comes to, or an error when it takes longer than `limitMs`; the work itself goes on. */
export async function withLimit<T>(
  context: Context,
  work: Promise<T>,
  limitMs: number,
  what: string,
): Promise<T> {
  const done = new AbortController();
  const limit = context.env.clock.sleep(limitMs, done.signal).then((): never => {
    throw new Error(`${what} took longer than ${limitMs / 1000} s`);
  });
  limit.catch(() => {});
  try {
    return await Promise.race([work, limit]);
  } finally {
    done.abort();
  }
}

const LOOK_MS = 20;
/** Whether who takes a generation lives; nobody waits for that. */
const GONE_LOOK_MS = 250;

/** The same, or an error as soon as the peer is suspected. */
export function unlessSuspected<T>(context: Context, peer: string, work: Promise<T>): Promise<T> {
  const isSuspected = () => context.suspects.has(peer);
  return unless(context, work, { isSo: isSuspected, everyMs: LOOK_MS, why: "is suspected", peer });
}

/** The same, or an error as soon as the peer is dead: one that only lost the store, or is slow, goes on taking it. */
export function unlessGone<T>(context: Context, peer: string, work: Promise<T>): Promise<T> {
  return unless(context, work, {
    isSo: () => isGone(context, peer),
    everyMs: GONE_LOOK_MS,
    why: "is dead",
    peer,
  });
}

/** Neither its heartbeats come nor does it renew its lease. */
export function isGone(context: Context, peer: string): boolean {
  return context.suspects.has(peer) && !isLiveMember(context, peer);
}

async function unless<T>(
  context: Context,
  work: Promise<T>,
  { isSo, everyMs, why, peer }: { isSo(): boolean; everyMs: number; why: string; peer: string },
): Promise<T> {
  const done = new AbortController();
  const watch = async (): Promise<never> => {
    while (!isSo()) {
      await context.env.clock.sleep(everyMs, done.signal);
      done.signal.throwIfAborted();
    }
    throw new Error(`${peer} ${why}: its heartbeats stopped`);
  };
  const seen = watch();
  seen.catch(() => {});
  try {
    return await Promise.race([work, seen]);
  } finally {
    done.abort();
  }
}
