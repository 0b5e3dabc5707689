import type { FileHandle } from "node:fs/promises";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Piece } from "./growing";
import { IMAGES } from "./layout";
import { kindOf } from "./tree";

/**
 * Pieces of files as one stream: for each a head of two numbers of 32 bits, the length of its path and of its data,
 * then both. A head of zeros ends it: a stream without one is torn.
 */
const HEAD_BYTES = 8;
/** The stream comes in small chunks, each of which would be a call of the kernel. */
const BATCH_BYTES = 1 << 20;

export async function* encodePieces(pieces: AsyncIterable<Piece>): AsyncGenerator<Buffer> {
  for await (const { path, data } of pieces) {
    yield Buffer.concat([headOf(Buffer.byteLength(path), data.length), Buffer.from(path)]);
    if (data.length > 0) yield data;
  }
  yield headOf(0, 0);
}

function headOf(path: number, data: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(path, 0);
  head.writeUInt32BE(data, 4);
  return head;
}

/** Writes the files of such a stream below `folder`; nothing is made durable. Throws when it is torn. */
export async function writePieces(stream: Readable, folder: string): Promise<void> {
  await mkdir(join(folder, IMAGES), { recursive: true, mode: 0o700 });
  const files = new Map<string, FileHandle>();
  const input = createInput(stream);
  try {
    for (;;) {
      const head = await input.exactly(HEAD_BYTES);
      const pathLength = head.readUInt32BE(0);
      let left = head.readUInt32BE(4);
      if (pathLength === 0) return;
      const path = (await input.exactly(pathLength)).toString();
      kindOf(path);
      const file = files.get(path) ?? (await open(join(folder, path), "wx", 0o600));
      files.set(path, file);
      while (left > 0) {
        const some = await input.several(Math.min(left, BATCH_BYTES));
        await file.writev(some);
        left -= some.reduce((sum, { length }) => sum + length, 0);
      }
    }
  } finally {
    await Promise.allSettled([...files.values()].map((file) => file.close()));
  }
}

/** The bytes of a stream, as many as are asked for. */
function createInput(stream: Readable) {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);

  async function more(): Promise<Buffer> {
    const { value, done } = await chunks.next();
    if (done) throw new Error("the stream ended before all of it was here");
    return value;
  }
  return {
    async several(size: number): Promise<Buffer[]> {
      const taken: Buffer[] = [];
      for (let left = size; left > 0; left -= taken.at(-1)!.length) {
        if (rest.length === 0) rest = await more();
        taken.push(rest.subarray(0, left));
        rest = rest.subarray(taken.at(-1)!.length);
      }
      return taken;
    },
    async exactly(size: number): Promise<Buffer> {
      while (rest.length < size) rest = Buffer.concat([rest, await more()]);
      const taken = rest.subarray(0, size);
      rest = rest.subarray(size);
      return taken;
    },
  };
}
