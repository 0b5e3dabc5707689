import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { IMAGES, LAYER } from "./layout";

const CHUNK_BYTES = 1 << 20;
/** How long nothing new is waited for before it is looked for again. */
const LOOK_MS = 2;

/** A piece of a file; an empty `path` ends the stream. */
export interface Piece {
  path: string;
  data: Buffer;
}

/**
 * What a dump writes into a folder, while it writes: pages and the writable layer, which only grow, as they grow, and
 * everything else when `dumped` says that it is complete. Throws when the dump fails.
 */
export async function* growingFiles(folder: string, dumped: Promise<unknown>): AsyncGenerator<Piece> {
  const files = new Map<string, FileHandle>();
  const offsets = new Map<string, number>();
  let complete = false;
  let fault: unknown = null;
  dumped.then(
    () => {
      complete = true;
    },
    (error) => {
      fault = error;
    },
  );
  try {
    for (;;) {
      const last = complete;
      let read = 0;
      for (const path of await pathsIn(folder)) {
        if (!last && !onlyGrows(path)) continue;
        const file = files.get(path) ?? (await open(join(folder, path)));
        files.set(path, file);
        for (;;) {
          const at = offsets.get(path) ?? 0;
          const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
          const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
          // An empty file is a file all the same.
          if (bytesRead === 0 && (offsets.has(path) || !last)) break;
          offsets.set(path, at + bytesRead);
          read += bytesRead;
          yield { path, data: buffer.subarray(0, bytesRead) };
          if (bytesRead === 0) break;
        }
      }
      if (fault) throw fault;
      if (last) return;
      if (read === 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    await Promise.allSettled([...files.values()].map((file) => file.close()));
  }
}

function onlyGrows(path: string): boolean {
  return path === LAYER || /^images\/pages-\d+\.img$/.test(path);
}

async function pathsIn(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, IMAGES)).catch(() => []);
  const layer = (await readdir(folder).catch(() => [])).filter((name) => name === LAYER);
  return [...names.map((name) => `${IMAGES}/${name}`), ...layer];
}
