import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Everything slow to make is kept here, outside the clone. */
export const cacheFolder = join(
  process.env.XDG_CACHE_HOME || join(homedir(), ".cache"),
  "pulumi-container-ha",
);

/** Where half-made things are: a name in here is never taken for a finished one. */
export const unfinished = join(cacheFolder, "tmp");

/** First digits of a hash over texts and buffers: the name of a version. */
export function hashOf(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex").slice(0, 12);
}
