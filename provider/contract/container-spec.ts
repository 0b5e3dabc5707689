import { createHash } from "node:crypto";
import { z } from "zod";
import { ipSchema } from "./address";
import { nameSchema } from "./names";

export const engineSchema = z.enum(["podman", "docker"], { error: 'expected "podman" or "docker"' });
export type Engine = z.infer<typeof engineSchema>;

const seconds = z.number().positive().max(3600);

/** How the application itself is asked whether it works. Probes pass the closed gate (facts-hosts.md 5). */
export const probeSchema = z
  .strictObject({
    /** Exactly one of the three. */
    http: z
      .strictObject({ port: z.int().min(1).max(65535), path: z.string().startsWith("/").default("/") })
      .optional(),
    tcp: z.strictObject({ port: z.int().min(1).max(65535) }).optional(),
    /** Command run inside the container; exit code 0 is healthy. */
    exec: z.array(z.string()).min(1).optional(),
    /** Seconds between two probes. */
    interval: seconds.default(5),
    /** Seconds after which a probe counts as failed. */
    timeout: seconds.default(2),
    /** Failures in a row that count as an application failure. */
    retries: z.int().min(1).max(100).default(3),
    /** Seconds after a cold start in which failures do not count. */
    startPeriod: z.number().min(0).max(3600).default(30),
  })
  .refine((probe) => [probe.http, probe.tcp, probe.exec].filter(Boolean).length === 1, {
    error: "expected exactly one of http, tcp and exec",
  });
export type Probe = z.infer<typeof probeSchema>;

/** Reactions of design.md 6, per kind of failure. */
export const onFailureSchema = z.strictObject({
  /** The container exited, was killed or ran out of memory. */
  crash: z.enum(["restore", "restart", "failover"]).default("restore"),
  /** Its probe fails. `restore`: here, then on a standby, and where that is unhealthy again too, cold; `restart`: cold at once. */
  application: z.enum(["restore", "restart", "failover", "ignore"]).default("restore"),
  /** Tries on one host before the next host is asked; after the last host the container is Failed. */
  tries: z.int().min(1).max(20).default(3),
});
export type OnFailure = z.infer<typeof onFailureSchema>;

/** What runs: the part of the specification that makes old memory wrong when it changes. */
export const workloadSchema = z.strictObject({
  engine: engineSchema,
  /** What the engine is asked for: a registry name, or `container-ha.local/archive:<sha256>` of an uploaded archive. */
  image: z.string().min(1),
  /** sha256 of the uploaded archive, where the image came as one. */
  archive: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  command: z.array(z.string()).default([]),
  entrypoints: z.array(z.string()).optional(),
  /** `NAME=value`, as in @pulumi/docker. */
  envs: z.array(z.string().regex(/^[^=]+=/, { error: 'expected "NAME=value"' })).default([]),
  user: z.string().optional(),
  workingDir: z.string().optional(),
  hostname: z.string().optional(),
  labels: z.array(z.strictObject({ label: z.string(), value: z.string() })).default([]),
  /** MB, as in @pulumi/docker. */
  memory: z.int().min(16).optional(),
  tmpfs: z.record(z.string(), z.string()).default({}),
  sysctls: z.record(z.string(), z.string()).default({}),
  stopSignal: z.string().optional(),
});
export type Workload = z.infer<typeof workloadSchema>;

/** `ct/<c>/spec`: the desired state of one protected container, written through an agent, read by all. */
export const containerSpecSchema = z.strictObject({
  name: nameSchema,
  /** `<project>/<stack>` that declared it: a name belongs to the stack that created it. */
  stack: z.string(),
  workload: workloadSchema,
  /** Addresses inside the group's subnet, owned by the container's MAC. IPv4 first. */
  virtualIps: z.array(ipSchema).min(1),
  /** How many standbys hold each generation, or which hosts. */
  standbys: z.union([z.int().min(1).max(4), z.array(nameSchema).min(1)]).default(1),
  /** What a standby keeps ready: files and an empty copy, or a restored, frozen copy of each generation as well. */
  standby: z.enum(["cold", "warm"]).default("cold"),
  preferredHost: nameSchema.optional(),
  probes: z.array(probeSchema).default([]),
  onFailure: onFailureSchema.prefault({}),
  /** Hosts that may run it, the best first: computed by placement when the specification is applied. */
  candidates: z.array(nameSchema).default([]),
  /** Raised to start over after `Failed` without another change. */
  incarnation: z.int().default(0),
});
export type ContainerSpec = z.infer<typeof containerSpecSchema>;

const digests = new WeakMap<ContainerSpec, string>();

/**
 * Digest of what makes old memory wrong (safety.md 1.4). A generation is restored only under the same digest. Kept, as
 * each cycle of an agent asks for it several times.
 */
export function specDigest(spec: ContainerSpec): string {
  const digest = digests.get(spec) ?? derivedDigest(spec);
  digests.set(spec, digest);
  return digest;
}

function derivedDigest(spec: ContainerSpec): string {
  const subject = { workload: spec.workload, virtualIps: spec.virtualIps, incarnation: spec.incarnation };
  return createHash("sha256").update(canonical(subject)).digest("hex");
}

/** JSON with sorted keys, so that equal values have equal text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}
