import type { Context } from "../context";

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

/** The same, or an error as soon as the peer is suspected. */
export async function unlessSuspected<T>(context: Context, peer: string, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const watch = async (): Promise<never> => {
    while (!context.suspects.has(peer)) {
      await context.env.clock.sleep(LOOK_MS, done.signal);
      done.signal.throwIfAborted();
    }
    throw new Error(`${peer} is suspected: its heartbeats stopped`);
  };
  const suspected = watch();
  suspected.catch(() => {});
  try {
    return await Promise.race([work, suspected]);
  } finally {
    done.abort();
  }
}
