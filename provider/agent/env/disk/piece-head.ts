/**
 * Files go between agents as one stream of pieces, each of them a head, its path and its data. In a head are the length
 * of the path (16 bits), flags (8) and the length of the data (32); the one that ends the stream has no path. A stream
 * without it is torn, and what an agent of another version sends or takes fails at the first head.
 */
export const HEAD_BYTES = 7;

const LAST = 1;
const PACKED = 2;
const END = 4;

export interface Head {
  pathLength: number;
  length: number;
  /** The file is complete with this piece. */
  last: boolean;
  /** The data are of the compressed file; the same for all pieces of a file. */
  packed: boolean;
}

/** With the path that follows it. */
export function encodeHead(head: { path: string; length: number; last: boolean; packed: boolean }): Buffer {
  return encode(head.path, (head.last ? LAST : 0) | (head.packed ? PACKED : 0), head.length);
}

export function encodeEnd(): Buffer {
  return encode("", END, 0);
}

function encode(path: string, flags: number, length: number): Buffer {
  const name = Buffer.from(path);
  const bytes = Buffer.alloc(HEAD_BYTES + name.length);
  bytes.writeUInt16BE(name.length, 0);
  bytes.writeUInt8(flags, 2);
  bytes.writeUInt32BE(length, 3);
  name.copy(bytes, HEAD_BYTES);
  return bytes;
}

/** Null: the end. Throws for anything that this version does not know. */
export function decodeHead(bytes: Buffer): Head | null {
  const [pathLength, flags, length] = [bytes.readUInt16BE(0), bytes.readUInt8(2), bytes.readUInt32BE(3)];
  if (pathLength === 0 && flags === END && length === 0) return null;
  if (pathLength === 0 || (flags & ~(LAST | PACKED)) !== 0)
    throw new Error("this is no stream of files as this version of the agent sends it");
  return { pathLength, length, last: (flags & LAST) !== 0, packed: (flags & PACKED) !== 0 };
}
