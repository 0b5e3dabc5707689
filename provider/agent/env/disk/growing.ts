import { type FileHandle, open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DESCRIPTORS, IMAGES, LAYER } from "./layout";
import type { Batch } from "./pieces";

/** Memory that is touched for the first time is what copying costs: one buffer of this size serves for all. */
const PIECE_BYTES = 1 << 20;
/** How long nothing new is waited for before it is looked for again. */
const LOOK_MS = 2;

/**
 * What a dump writes into a folder, while it writes: pages as they grow, what an engine needs at its start as soon as
 * it is complete, and everything else when `dumped` says that all is. Throws when the dump fails.
 */
export async function* growingFiles(folder: string, dumped: Promise<unknown>): AsyncGenerator<Batch> {
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  const files = new Map<string, FileHandle>();
  const offsets = new Map<string, number>();
  const ended = new Set<string>();
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
      const finished = complete;
      let read = 0;
      for (const path of await pathsIn(folder)) {
        if (ended.has(path)) continue;
        const whole = finished || (await isWhole(folder, path));
        if (!whole && !isPages(path)) continue;
        const file = files.get(path) ?? (await open(join(folder, path)));
        files.set(path, file);
        for (;;) {
          const at = offsets.get(path) ?? 0;
          const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES, at);
          const atEnd = bytesRead < PIECE_BYTES;
          const last = whole && atEnd;
          offsets.set(path, at + bytesRead);
          read += bytesRead;
          if (last) ended.add(path);
          const data = buffer.subarray(0, bytesRead);
          if (last || bytesRead > 0) yield [{ path, data, last, packed: isPages(path) }];
          if (atEnd) break;
        }
      }
      if (fault) throw fault;
      if (finished) return;
      if (read === 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    await Promise.allSettled([...files.values()].map((file) => file.close()));
  }
}

/** Memory: it only grows while it is written. */
function isPages(path: string): boolean {
  return /^images\/pages-\d+\.img$/.test(path);
}

/** The layer has its name only once it is complete; runc writes the other one, a list in JSON, before CRIU begins. */
async function isWhole(folder: string, path: string): Promise<boolean> {
  if (path === LAYER) return true;
  return path === DESCRIPTORS && (await readFile(join(folder, path), "utf8")).trimEnd().endsWith("]");
}

/** What is being written under a name of its own, `*.part`, is not there yet. */
async function pathsIn(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, IMAGES)).catch(() => []);
  const layer = (await readdir(folder).catch(() => [])).filter((name) => name === LAYER);
  return [...layer, ...names.map((name) => `${IMAGES}/${name}`)].filter((path) => !path.endsWith(".part"));
}
