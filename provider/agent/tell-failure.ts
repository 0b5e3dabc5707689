import { type Context, type Local, localOf } from "./context";

/** The same failure of a container is told anew after this long, ms. */
const TELL_AGAIN_MS = 60_000;
const told = new WeakMap<Local, Map<string, { sentence: string; at: number }>>();

/** An event about one container, unless it was the last one of its kind a moment ago: what is tried again fails again. */
export function tellFailure(session: Context, container: string, kind: string, what: string): void {
  const { clock, log } = session.env;
  const local = localOf(session, container);
  const last = told.get(local) ?? new Map<string, { sentence: string; at: number }>();
  told.set(local, last);
  const sentence = `${container}: ${what}`;
  const before = last.get(kind);
  if (before?.sentence === sentence && clock.now() - before.at < TELL_AGAIN_MS) return;
  last.set(kind, { sentence, at: clock.now() });
  log.event({ kind, container, sentence });
}
