import { open } from "node:fs/promises";
import { join } from "node:path";
import { MANIFEST } from "./layout";
import type { Batch } from "./pieces";
import { findFiles } from "./tree";

/** One buffer serves for all files; what it holds is one batch. */
const BATCH_BYTES = 1 << 18;
/** Less is not read at a time. */
const ROOM_BYTES = 1 << 16;
/** Below it, starting a process at both ends costs more than sending the bytes as they are. */
const PACK_BYTES = 8 << 20;

/** A complete generation's files, the manifest first. */
export async function* wholeFiles(folder: string, manifest: Buffer): AsyncGenerator<Batch> {
  const buffer = Buffer.allocUnsafeSlow(BATCH_BYTES);
  let used = 0;
  let batch: Batch = [{ path: MANIFEST, data: manifest, last: true, packed: false }];
  for (const path of (await findFiles(folder)).files) {
    const file = await open(join(folder, path));
    try {
      for (let at = 0, last = false; !last; ) {
        if (BATCH_BYTES - used < ROOM_BYTES) {
          yield batch;
          batch = [];
          used = 0;
        }
        const { bytesRead } = await file.read(buffer, used, BATCH_BYTES - used, at);
        // A read that only tells the end would be a third of the work; a file that is cut short fails by its hash.
        last = bytesRead < BATCH_BYTES - used;
        if (at === 0 && !last && (await file.stat()).size >= PACK_BYTES) {
          yield [...batch, { path, file }];
          batch = [];
          used = 0;
          break;
        }
        batch.push({ path, data: buffer.subarray(used, used + bytesRead), last, packed: false });
        used += bytesRead;
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
  }
  yield batch;
}
