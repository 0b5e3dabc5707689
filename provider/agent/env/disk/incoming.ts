import type { Readable } from "node:stream";
import type { GenerationRef } from "../../env";
import { DESCRIPTORS, generationText, LAYER } from "./layout";
import { writePieces } from "./write-pieces";

/** What nobody asked for is deleted after this long. */
const UNCLAIMED_MS = 60_000;

/** What an engine needs before the memory. */
const FIRST = [DESCRIPTORS, LAYER];

interface Incoming {
  /** Resolves when what an engine needs first is there. */
  begun: PromiseWithResolvers<string>;
  /** Resolves when all is. */
  complete: PromiseWithResolvers<void>;
}

/** Images that peers stream here for one restore each: in the page cache, never made durable (safety.md 1.10). */
export function createIncoming(target: {
  begin(generation: GenerationRef): Promise<string>;
  remove(generation: GenerationRef): Promise<void>;
}) {
  const known = new Map<string, Incoming>();

  function entryOf(generation: GenerationRef): Incoming {
    const text = generationText(generation);
    const there = known.get(text);
    if (there) return there;
    const entry = { begun: Promise.withResolvers<string>(), complete: Promise.withResolvers<void>() };
    for (const { promise } of [entry.begun, entry.complete]) promise.catch(() => {});
    known.set(text, entry);
    const timer = setTimeout(() => {
      if (known.get(text) === entry) void target.remove(generation).catch(() => {});
    }, UNCLAIMED_MS);
    timer.unref();
    return entry;
  }

  return {
    async receive(generation: GenerationRef, stream: Readable): Promise<void> {
      // It may break before anybody reads it.
      stream.on("error", () => {});
      const entry = entryOf(generation);
      try {
        const folder = await target.begin(generation);
        const missing = new Set(FIRST);
        const onWhole = (path: string) => {
          if (missing.delete(path) && missing.size === 0) entry.begun.resolve(folder);
        };
        await writePieces(stream, folder, { onWhole });
        entry.begun.resolve(folder);
        entry.complete.resolve();
      } catch (error) {
        for (const { reject } of [entry.begun, entry.complete]) reject(error);
        throw error;
      }
    },
    async arriving(
      generation: GenerationRef,
      timeoutMs: number,
    ): Promise<{ folder: string; complete: Promise<void> }> {
      const { begun, complete } = entryOf(generation);
      const timer = setTimeout(() => {
        const late = new Error(`nothing complete has arrived within ${timeoutMs / 1000} s`);
        for (const { reject } of [begun, complete]) reject(late);
      }, timeoutMs);
      const over = () => clearTimeout(timer);
      complete.promise.then(over, over);
      return { folder: await begun.promise, complete: complete.promise };
    },
    forget(concerns: (generation: string) => boolean): void {
      for (const text of [...known.keys()]) if (concerns(text)) known.delete(text);
    },
  };
}
