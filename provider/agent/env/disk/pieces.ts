import type { FileHandle } from "node:fs/promises";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { isPages, type Piece } from "./growing";
import { IMAGES } from "./layout";
import { createPacker, createUnpacker, type Packer, type Unpacker } from "./packer";
import { kindOf } from "./tree";

/**
 * Pieces of files as one stream: for each a head of two numbers of 32 bits, the lengths of its path and of its data,
 * then both; pages are compressed. No data says that the file is complete. A head of zeros ends the stream: one without
 * it is torn.
 */
const HEAD_BYTES = 8;

export async function* encodePieces(pieces: AsyncIterable<Piece>): AsyncGenerator<Buffer> {
  const packers = new Map<string, Packer>();
  try {
    for await (const { path, data } of pieces) {
      if (!isPages(path)) {
        yield Buffer.concat([headOf(path, data.length), data]);
        continue;
      }
      const packer = packers.get(path) ?? createPacker();
      packers.set(path, packer);
      for await (const some of data.length > 0 ? packer.push(data) : packer.end()) {
        yield headOf(path, some.length);
        yield some;
      }
      if (data.length === 0) yield headOf(path, 0);
    }
    yield headOf("", 0);
  } finally {
    for (const packer of packers.values()) packer.destroy();
  }
}

function headOf(path: string, length: number): Buffer {
  const name = Buffer.from(path);
  const head = Buffer.alloc(HEAD_BYTES + name.length);
  head.writeUInt32BE(name.length, 0);
  head.writeUInt32BE(length, 4);
  name.copy(head, HEAD_BYTES);
  return head;
}

/**
 * Writes the files of such a stream below `folder`; nothing is made durable. `onWhole` is told each file that is
 * complete. Throws when the stream is torn.
 */
export async function writePieces(
  stream: Readable,
  folder: string,
  onWhole: (path: string) => void = () => {},
): Promise<void> {
  await mkdir(join(folder, IMAGES), { recursive: true, mode: 0o700 });
  const files = new Map<string, { file: FileHandle; unpacker: Unpacker | null }>();
  const input = createInput(stream);
  try {
    for (;;) {
      const head = await input.exactly(HEAD_BYTES);
      const [pathLength, length] = [head.readUInt32BE(0), head.readUInt32BE(4)];
      if (pathLength === 0) return;
      const path = (await input.exactly(pathLength)).toString();
      kindOf(path);
      let entry = files.get(path);
      if (!entry) {
        const file = await open(join(folder, path), "wx", 0o600);
        entry = { file, unpacker: isPages(path) ? createUnpacker(file) : null };
        files.set(path, entry);
      }
      const { file, unpacker } = entry;
      for (let left = length; left > 0; ) {
        const some = await input.atMost(left);
        left -= some.length;
        await (unpacker ? unpacker.push(some) : file.write(some));
      }
      if (length > 0) continue;
      await unpacker?.end();
      onWhole(path);
    }
  } finally {
    for (const { unpacker } of files.values()) unpacker?.destroy();
    await Promise.allSettled([...files.values()].map(({ file }) => file.close()));
  }
}

/** The bytes of a stream, as many as are asked for. */
function createInput(stream: Readable) {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);

  async function atMost(size: number): Promise<Buffer> {
    if (rest.length === 0) {
      const { value, done } = await chunks.next();
      if (done) throw new Error("the stream ended before all of it was here");
      rest = value;
    }
    const taken = rest.subarray(0, size);
    rest = rest.subarray(taken.length);
    return taken;
  }

  return {
    atMost,
    async exactly(size: number): Promise<Buffer> {
      const taken: Buffer[] = [];
      for (let left = size; left > 0; left -= taken.at(-1)!.length) taken.push(await atMost(left));
      return taken.length === 1 ? taken[0]! : Buffer.concat(taken);
    },
  };
}
