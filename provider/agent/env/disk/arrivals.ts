import type { Readable } from "node:stream";
import type { GenerationRef } from "../../env";
import type { HashOf } from "./known-hashes";
import { generationText } from "./layout";
import { readManifest } from "./manifest-file";
import { GenerationRefused, refusalOf } from "./refused";
import { checkFiles, type FoundFiles, kindOf } from "./tree";
import { writePieces } from "./write-pieces";

/** A generation on its way in, as the sender announces it. */
export interface Arrival {
  generation: GenerationRef;
  manifestSha: string;
  stream: Readable;
  /** The record names it with this very hash: its epoch needs no check. */
  named?: boolean;
}

/** What of the store an arrival needs. */
interface Target {
  hashOf(generation: GenerationRef): HashOf;
  /** What has arrived of one that is not taken. */
  discard(generation: GenerationRef): Promise<void>;
  /** Throws for an older epoch; from now on even older ones are refused. */
  admit(generation: GenerationRef): Promise<void>;
  verify(generation: GenerationRef, manifestSha: string): Promise<unknown>;
  makeTemporary(generation: GenerationRef): Promise<string>;
  publish(generation: GenerationRef, found: FoundFiles, named: boolean): Promise<void>;
}

/** Transfers into the store. One at a time for each generation: a newer one takes the place of an older one. */
export function createArrivals(target: Target) {
  const running = new Set<{ generation: GenerationRef; abort: AbortController; end: Promise<void> }>();

  async function receive(arrival: Arrival): Promise<void> {
    const { generation, stream } = arrival;
    // It may break before anybody reads it; `writePieces` then finds it broken.
    stream.on("error", () => {});
    const text = generationText(generation);
    const abort = new AbortController();
    const earlier = cancel((other) => generationText(other) === text);
    const end = earlier
      .then(() => take(arrival, abort.signal))
      .catch((error) => {
        if (!abort.signal.aborted) throw refusalOf(error, `cannot take generation ${text}`);
        throw new GenerationRefused("superseded", `the transfer of generation ${text} was called off here`);
      });
    const entry = { generation, abort, end };
    running.add(entry);
    await end.finally(() => running.delete(entry));
  }

  async function take(
    { generation, manifestSha, stream, named = false }: Arrival,
    signal: AbortSignal,
  ): Promise<void> {
    if (!named) await target.admit(generation);
    const held = await target.verify(generation, manifestSha).catch(() => null);
    if (held) return;
    try {
      const temporary = await target.makeTemporary(generation);
      await writePieces(stream, temporary, { signal });
      const arrived = { temporary, generation, manifestSha, hashOf: target.hashOf(generation) };
      await target.publish(generation, await checkArrived(arrived), named);
    } catch (error) {
      await target.discard(generation).catch(() => {});
      throw error;
    }
  }

  /** End the transfers that `concerns`; resolves when nothing of them is left. */
  async function cancel(concerns: (generation: GenerationRef) => boolean): Promise<void> {
    const ends = [...running].filter((entry) => concerns(entry.generation));
    for (const { abort } of ends) abort.abort();
    await Promise.allSettled(ends.map(({ end }) => end));
  }

  return { receive, cancel };
}

async function checkArrived({
  temporary,
  generation,
  manifestSha,
  hashOf,
}: {
  temporary: string;
  generation: GenerationRef;
  manifestSha: string;
  hashOf: HashOf;
}): Promise<FoundFiles> {
  try {
    const manifest = await readManifest(temporary, generation, manifestSha);
    for (const { path } of manifest.trees.flatMap((tree) => tree.files)) kindOf(path);
    return await checkFiles(temporary, manifest, hashOf);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EIO") throw error;
    throw new GenerationRefused("mismatch", `what arrived is damaged: ${(error as Error).message}`);
  }
}
