import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { z } from "zod";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * A name that the engine pulls, or a local archive (`docker save`, `podman save`), which is uploaded. The archive's
 * hash is taken where the inputs are checked, so that changed content is a change.
 */
export const imageSchema = z
  .union([z.string().min(1), z.strictObject({ archive: z.string().min(1), sha256: sha256.optional() })], {
    error: 'expected an image such as "docker.io/library/redis:7" or { archive: "redis.tar" }',
  })
  .transform((image, context) => {
    if (typeof image === "string") return image;
    try {
      return { archive: image.archive, sha256: image.sha256 ?? hashOf(image.archive) };
    } catch (error) {
      context.addIssue({
        code: "custom",
        path: ["archive"],
        message: `expected a readable image archive: ${(error as Error).message}`,
      });
      return z.NEVER;
    }
  });
export type Image = z.infer<typeof imageSchema>;

/** How the engine knows an image: the name, or the name that an uploaded archive gets. */
export function imageReference(image: Image): { image: string; archive?: string } {
  if (typeof image === "string") return { image };
  return { image: `container-ha.local/archive:${image.sha256}`, archive: image.sha256 };
}

const CHUNK = 1 << 22;
/** Path, size and time of change to hash: inputs are checked more than once in an operation. */
const hashes = new Map<string, string>();

function hashOf(path: string): string {
  const { size, mtimeMs } = statSync(path);
  const key = `${path} ${size} ${mtimeMs}`;
  const hash = hashes.get(key) ?? readHash(path);
  hashes.set(key, hash);
  return hash;
}

/** In chunks: archives may be larger than memory. */
function readHash(path: string): string {
  const file = openSync(path, "r");
  try {
    const hash = createHash("sha256");
    const chunk = Buffer.alloc(CHUNK);
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk))
      hash.update(chunk.subarray(0, read));
    return hash.digest("hex");
  } finally {
    closeSync(file);
  }
}
