import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

/** One turn of the event loop hashes this much: about a millisecond. */
const CHUNK_BYTES = 1 << 20;

/** In hex. */
export function sha256OfText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Of what was read. */
export interface FileHash {
  /** In hex. */
  sha256: string;
  size: number;
}

/** Reads an open file of that many bytes from where it stands. */
export async function sha256OfFile(file: FileHandle, length: number): Promise<FileHash> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(Math.min(Math.max(length, 1), CHUNK_BYTES));
  let size = 0;
  // A generation has many small files: a read that only tells their end would be a fifth of the work.
  while (size < length) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    size += bytesRead;
  }
  return { sha256: hash.digest("hex"), size };
}
