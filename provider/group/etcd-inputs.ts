import { z } from "zod";

const url = z
  .string()
  .regex(/^https:\/\/[^\s/@]+:\d+$/, { error: 'expected an address such as "https://10.0.0.5:2379"' });
// A refinement, since its fault does not repeat the value, which may be a key in the wrong form.
const pem = (what: string) =>
  z.string().refine((text) => text.includes("-----BEGIN "), {
    error: `expected ${what} in PEM form ("-----BEGIN ...")`,
  });

/** An etcd that is there already; the group keeps its records in it, below `/ha/<group>/`. */
export const externalEtcdSchema = z.strictObject({
  endpoints: z.array(url).min(1, { error: "expected at least one endpoint" }),
  ca: pem("the authority of its servers' certificates"),
  cert: pem("a client certificate"),
  key: pem("the key of the client certificate"),
});
export type ExternalEtcd = z.infer<typeof externalEtcdSchema>;

export const etcdSchema = z
  .strictObject({
    /** Run by the product, on three or five of the group's hosts. */
    managed: z.literal(true, { error: "expected true, or external instead" }).optional(),
    external: externalEtcdSchema.optional(),
  })
  .refine(({ managed, external }) => !(managed && external), {
    error: "expected either managed or external, not both",
  });
