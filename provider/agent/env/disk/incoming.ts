import type { Readable } from "node:stream";
import type { GenerationRef } from "../../env";
import { generationText } from "./layout";
import { writePieces } from "./pieces";

/** What nobody asked for is deleted after this long. */
const UNCLAIMED_MS = 60_000;

interface Incoming {
  folder: Promise<string>;
  settle(folder: string): void;
  fail(error: Error): void;
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
    let settle: Incoming["settle"] = () => {};
    let fail: Incoming["fail"] = () => {};
    const folder = new Promise<string>((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    folder.catch(() => {});
    const entry = { folder, settle, fail };
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
        await writePieces(stream, folder);
        entry.settle(folder);
      } catch (error) {
        entry.fail(error as Error);
        throw error;
      }
    },
    async arrived(generation: GenerationRef, timeoutMs: number): Promise<string> {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`nothing complete has arrived within ${timeoutMs / 1000} s`)),
          timeoutMs,
        );
      });
      return Promise.race([entryOf(generation).folder, late]).finally(() => clearTimeout(timer));
    },
    forget(concerns: (generation: string) => boolean): void {
      for (const text of [...known.keys()]) if (concerns(text)) known.delete(text);
    },
  };
}
