import { open } from "node:fs/promises";
import { join } from "node:path";
import type { GenerationRef } from "../../env";
import { fileMark } from "../file-mark";
import { type FileHash, sha256OfFile } from "./hash";
import { generationText } from "./layout";

/** The hash of a file by its path below the folder of a generation. */
export type HashOf = (folder: string, path: string) => Promise<FileHash>;

/**
 * Hashes of files as this process has read them. A file that nobody has written since, by what its file system says of
 * it, is not read again: the memory of a container that crashed is verified in the time of some calls, whatever its size.
 * A host that has lost its power knows none.
 */
export interface KnownHashes {
  of(generation: GenerationRef): HashOf;
  forget(concerns: (generation: string) => boolean): void;
}

export function createKnownHashes(): KnownHashes {
  const known = new Map<string, Map<string, { mark: string; hash: FileHash }>>();

  return {
    of(generation) {
      const text = generationText(generation);
      return async (folder, path) => {
        const file = await open(join(folder, path), "r");
        try {
          const seen = await file.stat({ bigint: true });
          const mark = fileMark(seen);
          const before = known.get(text)?.get(path);
          if (before?.mark === mark) return before.hash;
          const hash = await sha256OfFile(file, Number(seen.size));
          const files = known.get(text) ?? new Map();
          known.set(text, files.set(path, { mark, hash }));
          return hash;
        } finally {
          await file.close();
        }
      };
    },
    forget(concerns) {
      for (const text of known.keys()) if (concerns(text)) known.delete(text);
    },
  };
}
