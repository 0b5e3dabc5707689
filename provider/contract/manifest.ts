import { z } from "zod";
import { nameSchema } from "./names";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * `manifest.json` of one generation. Trees name where files belong when the generation is restored: the CRIU images
 * and the container's writable layer now; volumes can join as further trees.
 */
export const manifestSchema = z.strictObject({
  version: z.literal(1),
  container: nameSchema,
  epoch: z.int().min(1),
  gen: z.int().min(1),
  specDigest: sha256,
  /** Host that dumped. */
  host: nameSchema,
  at: z.string(),
  trees: z.array(
    z.strictObject({
      kind: z.enum(["images", "layer"]),
      /** Paths relative to the generation's folder: `images/core-1.img`, `layer.tar`. */
      files: z.array(z.strictObject({ path: z.string(), size: z.int(), sha256 })),
    }),
  ),
  /** TCP connections that were established: whom to tickle after a failover. */
  connections: z.array(
    z.strictObject({ local: z.string(), localPort: z.int(), remote: z.string(), remotePort: z.int() }),
  ),
  versions: z.strictObject({ criu: z.string(), runtime: z.string(), kernel: z.string() }),
});
export type Manifest = z.infer<typeof manifestSchema>;
export type Connection = Manifest["connections"][number];

export function manifestBytes(manifest: Manifest): number {
  return manifest.trees.flatMap((tree) => tree.files).reduce((sum, file) => sum + file.size, 0);
}
