import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { createPacker, type Packer } from "./packer";
import { encodeEnd, encodeHead } from "./piece-head";

/** A piece of a file. */
export interface Piece {
  path: string;
  data: Buffer;
  /** The file is complete with it. */
  last: boolean;
  /** Compressed on the way; the same for all pieces of a file. */
  packed: boolean;
}

/** A whole file that is compressed on the way. */
export interface PackedFile {
  path: string;
  file: FileHandle;
}

/** What is at hand together; it is used before more is asked for. */
export type Batch = (Piece | PackedFile)[];

/** Destroying the stream ends its source. */
export function encodePieces(batches: AsyncIterable<Batch>): Readable {
  return Readable.from(encoded(batches), { objectMode: false });
}

/** Small files go out together: each write of its own would cost more than their bytes. */
async function* encoded(batches: AsyncIterable<Batch>): AsyncGenerator<Buffer> {
  const packers = new Map<string, Packer>();
  try {
    for await (const batch of batches) {
      let plain: Buffer[] = [];
      for (const piece of batch) {
        if ("data" in piece && !piece.packed) {
          plain.push(encodeHead({ ...piece, length: piece.data.length }), piece.data);
          continue;
        }
        if (plain.length > 0) yield Buffer.concat(plain);
        plain = [];
        yield* compressed(piece, packers);
      }
      if (plain.length > 0) yield Buffer.concat(plain);
    }
    yield encodeEnd();
  } finally {
    for (const packer of packers.values()) packer.destroy();
  }
}

async function* compressed(piece: Piece | PackedFile, packers: Map<string, Packer>): AsyncGenerator<Buffer> {
  const { path } = piece;
  const head = (length: number, last = false) => encodeHead({ path, length, last, packed: true });
  const packer = packers.get(path) ?? createPacker("file" in piece ? piece.file : undefined);
  packers.set(path, packer);
  if ("data" in piece) {
    for await (const some of packer.push(piece.data)) yield Buffer.concat([head(some.length), some]);
    if (!piece.last) return;
  }
  for await (const some of packer.end()) yield Buffer.concat([head(some.length), some]);
  yield head(0, true);
}
