import { type FileHandle, mkdir, open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { MANIFEST } from "./layout";
import { createUnpacker, type Unpacker } from "./packer";
import { decodeHead, HEAD_BYTES } from "./piece-head";
import { createInput, type Input } from "./stream-input";
import { kindOf } from "./tree";

/** What one write takes at most. */
const WRITE_BYTES = 1 << 18;
/** safety: never over something, which a link could make a file elsewhere. */
const NEW_FILE = { flag: "wx", mode: 0o600 } as const;

interface OpenFile {
  file: FileHandle;
  unpacker: Unpacker | null;
}

/**
 * Writes the files of a stream (as `encodePieces` makes it) into a folder that has none of them; nothing is made
 * durable. `onWhole` is told each file that is complete. Throws when the stream is torn, goes on after its end or has a
 * file that has no place in a generation, and soon after `signal` aborts. Leaves the stream undestroyed.
 */
export async function writePieces(
  stream: Readable,
  folder: string,
  { signal, onWhole = () => {} }: { signal?: AbortSignal; onWhole?: (path: string) => void } = {},
): Promise<void> {
  const input = createInput(stream, signal);
  const parents = new Set(["."]);
  const files = new Map<string, OpenFile>();
  const interrupt = () => {
    for (const { unpacker } of files.values()) unpacker?.destroy();
  };
  signal?.addEventListener("abort", interrupt);

  async function makePlace(path: string): Promise<void> {
    if (path !== MANIFEST) kindOf(path);
    const parent = dirname(path);
    if (parents.has(parent)) return;
    await mkdir(join(folder, parent), { recursive: true, mode: 0o700 });
    parents.add(parent);
  }

  async function openFile(path: string, packed: boolean): Promise<OpenFile> {
    const file = await open(join(folder, path), NEW_FILE.flag, NEW_FILE.mode);
    const opened: OpenFile = { file, unpacker: null };
    files.set(path, opened);
    if (packed) opened.unpacker = createUnpacker(file);
    return opened;
  }

  try {
    for (;;) {
      const head = decodeHead(joined(await input.take(HEAD_BYTES)));
      if (head === null) break;
      const { length, last, packed } = head;
      const path = joined(await input.take(head.pathLength)).toString();
      const there = files.get(path);
      if (!there) await makePlace(path);
      if (!there && last && !packed && length <= WRITE_BYTES) {
        await writeFile(join(folder, path), joined(await input.take(length)), NEW_FILE);
      } else {
        const opened = there ?? (await openFile(path, packed));
        if (packed !== (opened.unpacker !== null)) throw new Error(`${path} is compressed in part`);
        await append(opened, input, length);
        if (last) {
          await opened.unpacker?.end();
          await opened.file.close();
          files.delete(path);
        }
      }
      if (last) onWhole(path);
    }
    const [torn] = files.keys();
    if (torn !== undefined) throw new Error(`the stream ended before all of ${torn} was here`);
    await input.end();
  } finally {
    input.close();
    signal?.removeEventListener("abort", interrupt);
    interrupt();
    await Promise.allSettled([...files.values()].map(({ file }) => file.close()));
  }
}

async function append({ file, unpacker }: OpenFile, input: Input, length: number): Promise<void> {
  for (let left = length; left > 0; ) {
    const size = Math.min(left, WRITE_BYTES);
    const chunks = await input.take(size);
    left -= size;
    if (unpacker) {
      await unpacker.push(chunks);
      continue;
    }
    const { bytesWritten } = await file.writev(chunks);
    // A file system that had no room for all of it says so when it is to take the rest.
    if (bytesWritten < size) await file.writeFile(joined(chunks).subarray(bytesWritten));
  }
}

function joined(chunks: Buffer[]): Buffer {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
