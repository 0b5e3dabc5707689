import { type Context, track } from "./context";

/** To look costs one program and some small files. */
const LOOK_MS = 2000;
/** What is taken away again and again is told this often. */
const TELL_AGAIN_MS = 60_000;

/**
 * Returns a function that is called before each cycle: from time to time it has the host's own part looked at and mended,
 * and tells what was found. Nobody waits for it.
 */
export function createHostCare(context: Context): () => void {
  const { clock, log, runtime } = context.env;
  const told = new Map<string, number>();
  let dueAt = clock.now();
  let looking = false;
  let broken: string[] = [];

  async function look(): Promise<void> {
    const care = await runtime.keepHost();
    for (const sentence of care.mended) tell(sentence);
    for (const sentence of care.broken.filter((one) => !broken.includes(one))) tell(sentence);
    if (broken.length > 0 && care.broken.length === 0)
      log.event({ kind: "host", sentence: `${context.me.host}: what was missing is there again` });
    broken = care.broken;
  }

  function tell(sentence: string): void {
    const now = clock.now();
    const isNews = now - (told.get(sentence) ?? Number.NEGATIVE_INFINITY) >= TELL_AGAIN_MS;
    if (isNews) log.event({ kind: "host", sentence: `${context.me.host}: ${sentence}` });
    if (isNews) told.set(sentence, now);
  }

  return () => {
    if (looking || clock.now() < dueAt) return;
    looking = true;
    const looked = look()
      .catch((error: Error) => tell(`its network could not be looked at: ${error.message}`))
      .finally(() => {
        looking = false;
        dueAt = clock.now() + LOOK_MS;
      });
    track(context, looked);
  };
}
