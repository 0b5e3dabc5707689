import { z } from "zod";
import { nameSchema } from "./names";
import { lastFailoverSchema, phaseSchema, stalledPhaseSchema } from "./records";

/** What `container-ha status --json` prints and what the provider's read handlers consume. */
export const hostStatusSchema = z.object({
  name: nameSchema,
  address: z.string(),
  role: z.enum(["member", "witness"]),
  labels: z.record(z.string(), z.string()),
  /** live: renews its heartbeat key; suspect: UDP heartbeats missing; dead: key stale or fenced; absent: never seen. */
  state: z.enum(["live", "suspect", "dead", "absent", "witness"]),
  sid: z.string().nullable(),
  version: z.string().nullable(),
  memoryMb: z.number().nullable(),
  certificateDaysLeft: z.number().nullable(),
  /** Fenced and back: it takes no container for this long, unless no other host could. 0: it does. */
  holdDownMs: z.number().default(0),
  /** Its clock runs so differently from that of the host that answers that the latter does not fence it by itself. */
  clockAlarm: z.boolean().default(false),
  /** Engines of group members that do not work there, and why. */
  engineFaults: z.record(z.string(), z.string()).default({}),
  /** It runs no containers and keeps no standby copies. */
  maintenance: z.boolean().optional(),
});
export type HostStatus = z.infer<typeof hostStatusSchema>;

export const containerStatusSchema = z.object({
  name: nameSchema,
  stack: z.string(),
  engine: z.string(),
  image: z.string(),
  virtualIps: z.array(z.string()),
  specDigest: z.string(),
  /**
   * The owner's phase, PENDING before the first owner. RUNNING is said only of what executes: else why it does not. Its
   * owner's lease ran out (LAPSED), it waits before its first instruction (HELD), its cgroup is frozen (FROZEN), or
   * another program keeps it in a ptrace stop (TRACED).
   */
  phase: z.enum(["PENDING", ...phaseSchema.options, ...stalledPhaseSchema.options]),
  /** Since when it has not executed, ISO 8601; null: it does, or was not meant to. */
  stalledSince: z.string().nullable().default(null),
  primary: nameSchema.nullable(),
  epoch: z.number(),
  /** Number and epoch of the committed generation. */
  generation: z.object({ gen: z.number(), epoch: z.number() }).nullable(),
  generationAgeMs: z.number().nullable(),
  generationBytes: z.number().nullable(),
  holders: z.array(nameSchema),
  standbys: z.array(
    z.object({
      host: nameSchema,
      state: z.string(),
      /** The warm copy there: its generation and the memory it takes, MB; null: there is none. */
      warm: z.object({ epoch: z.number(), gen: z.number(), memoryMb: z.number() }).nullable().default(null),
    }),
  ),
  lastFailover: lastFailoverSchema.nullable(),
  /** Where it is being moved to, and how far that is. */
  moving: z.object({ to: nameSchema, stage: z.string() }).nullish(),
  /** Why protection is not complete, one sentence; null: it is. */
  degraded: z.string().nullable(),
  /** Why it failed, one sentence. */
  failure: z.string().nullable(),
});
export type ContainerStatus = z.infer<typeof containerStatusSchema>;

export const groupStatusSchema = z.object({
  group: nameSchema,
  /** The host that answers. */
  host: nameSchema,
  at: z.string(),
  /** Whether the store answered within its deadline. */
  quorum: z.boolean(),
  /** The timings in force and why (`clock discipline known: none on all hosts`). */
  timing: z.string(),
  /** When a host is replaced, one sentence. */
  failover: z.string().default("automatic"),
  /** What becomes of the containers without a quorum, where they do not freeze, one sentence. */
  onQuorumLoss: z.string().nullable().default(null),
  hosts: z.array(hostStatusSchema),
  containers: z.array(containerStatusSchema),
  rules: z.array(
    z.object({
      name: nameSchema,
      kind: z.string(),
      required: z.boolean(),
      met: z.boolean(),
      sentence: z.string(),
    }),
  ),
});
export type GroupStatus = z.infer<typeof groupStatusSchema>;

/** One line of `container-ha events`. */
export const eventSchema = z.object({
  at: z.string(),
  host: nameSchema,
  container: nameSchema.optional(),
  /** failover, restore, checkpoint, fence, lapse, suspicion, ... */
  kind: z.string(),
  /** What happened and why, one sentence. */
  sentence: z.string(),
});
export type Event = z.infer<typeof eventSchema>;
