import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

/** One turn of the event loop hashes this much: about a millisecond. */
const CHUNK_BYTES = 1 << 20;

/** sha256 of text or of a file's content, in hex. */
export function sha256OfText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export async function sha256OfFile(path: string): Promise<{ sha256: string; size: number }> {
  const hash = createHash("sha256");
  const file = await open(path, "r");
  try {
    const { size: length } = await file.stat();
    const buffer = Buffer.allocUnsafe(Math.min(Math.max(length, 1), CHUNK_BYTES));
    let size = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return { sha256: hash.digest("hex"), size };
      hash.update(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
  } finally {
    await file.close();
  }
}
