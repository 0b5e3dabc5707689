import { z } from "zod";
import { nameSchema } from "./names";

/**
 * The records of safety.md 1.1. They change only by compare-and-swap; every one is JSON text in etcd. Agents of several
 * versions read them during an upgrade: a field that is not known is passed over, so a new one needs a default.
 */

const sid = z.string().min(1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** `host/<h>/session`: one incarnation of an agent that can prove it kept control. */
export const sessionSchema = z.object({
  sid,
  bootId: z.string(),
  started: z.string(),
  version: z.string(),
  /** How many sessions of this host in a row, none of them long, were ended by others. */
  flaps: z.int().min(0).optional(),
  /** It goes on in the cluster of this number: the one that was given up knows it by another text. */
  rebuilt: z.int().min(1).optional(),
});
export type Session = z.infer<typeof sessionSchema>;

/**
 * `rebuilt`: the cluster that holds these records was rebuilt from one voter. A voter whose data are of a cluster with
 * a lower number does not start: its cluster, with all that was acknowledged in it, was given up.
 */
export const rebuiltSchema = z.object({
  number: z.int().min(1),
  /** Two that were rebuilt apart from each other have the same number. */
  id: z.string().min(1),
  by: nameSchema,
  at: z.string(),
});
export type Rebuilt = z.infer<typeof rebuiltSchema>;

/** `host/<h>/hb`: L is the larger timeout of the active and the armed kernel set, ms. */
export const heartbeatSchema = z.object({ sid, n: z.int(), leaseMs: z.int() });
export type Heartbeat = z.infer<typeof heartbeatSchema>;

/** `fence/<h>/<sid>`: this session can never own anything again. */
export const fenceSchema = z.object({
  by: z.string(),
  method: z.enum(["timeout", "stonith", "reboot", "operator"]),
  at: z.string(),
  /** An operator has seen that the host is off: nobody needs to wait until its lease has ended. */
  confirmedOff: z.boolean().optional(),
});
export type Fence = z.infer<typeof fenceSchema>;

/** `fence-intent/<h>/<sid>`: who alone may run the fencing command against that host (safety.md 1.9). */
export const fenceIntentSchema = z.object({ by: nameSchema, sid, at: z.string() });
export type FenceIntent = z.infer<typeof fenceIntentSchema>;

/**
 * RUNNING    owns and may be reachable, while its gate is live
 * RESTORING  owns, restores or starts behind the closed gate
 * RESUMING   owns again after a handover that was given back
 * STOPPED    gave the container up; a candidate that was not tried yet may take it without a fence
 * FAILED     no candidate is left; stays so until its specification changes or an operator decides
 */
export const phaseSchema = z.enum(["RUNNING", "RESTORING", "RESUMING", "STOPPED", "FAILED"]);
export type Phase = z.infer<typeof phaseSchema>;

export const lastFailoverSchema = z.strictObject({
  from: nameSchema,
  to: nameSchema,
  at: z.string(),
  /** One sentence. */
  reason: z.string(),
});

/** `ct/<c>/owner`. `epoch` is the fencing token: +1 at every ownership change and every new beginning. */
export const ownerSchema = z.object({
  host: nameSchema,
  sid,
  epoch: z.int().min(1),
  phase: phaseSchema,
  /** The generation this life began from; null: a cold start. */
  gen: z.strictObject({ epoch: z.int(), gen: z.int() }).nullable(),
  /** Digest of the specification this life was started with. */
  specDigest: sha256,
  /** Beginnings on this host since it last ran stably. */
  tries: z.int().min(0),
  /** Hosts that gave up since it last ran stably. */
  triedHosts: z.array(nameSchema),
  /** Why it is in this phase, one sentence. */
  reason: z.string(),
  since: z.string(),
  lastFailover: lastFailoverSchema.nullable(),
  /** The host that an operator wants to take it. */
  failoverTo: nameSchema.optional(),
});
export type Owner = z.infer<typeof ownerSchema>;

/** `ct/<c>/gen`: the one generation that may be restored (safety.md 1.10). Absent: none. */
export const generationSchema = z.object({
  gen: z.int().min(1),
  epoch: z.int().min(1),
  specDigest: sha256,
  manifestSha: sha256,
  holders: z.array(nameSchema).min(1),
  bytes: z.int(),
  at: z.string(),
});
export type Generation = z.infer<typeof generationSchema>;

/** `ct/<c>/standbys`: hosts that keep a prepared copy and each generation; written by the owner. */
export const standbysSchema = z.object({ hosts: z.array(nameSchema) });
export type Standbys = z.infer<typeof standbysSchema>;

/**
 * `ct/<c>/mig`: a handover that has begun and has not ended (safety.md 1.11). PREPARING: the source serves while the
 * target is made ready; MOVING: the source is closed and frozen. What follows the point of no return is seen in the
 * owner record. Void as soon as the owner is neither (from, fromSid, epoch) nor (to, toSid, epoch + 1, RESTORING).
 */
export const migrationSchema = z.strictObject({
  id: z.string().min(1),
  from: nameSchema,
  fromSid: sid,
  to: nameSchema,
  toSid: sid,
  /** The epoch of the owner that began it. */
  epoch: z.int().min(1),
  stage: z.enum(["PREPARING", "MOVING"]),
  /** Why it moves, one sentence. */
  reason: z.string(),
  at: z.string(),
});
export type Migration = z.infer<typeof migrationSchema>;

/**
 * `ct/<c>/failsafe`: hosts that alone may take the container from a fenced owner, all of which an owner without a quorum
 * has to ask (safety.md 1.7). Written by the owner, always with a renewal of its lease; absent: nobody is asked.
 */
export const failsafeSchema = z.object({ members: z.array(nameSchema) });
export type Failsafe = z.infer<typeof failsafeSchema>;

/** `ct/<c>/schedule`. Exactly one of interval and cron. */
export const scheduleSchema = z.strictObject({
  /** Milliseconds from the end of one checkpoint to the start of the next. */
  intervalMs: z.int().min(500).optional(),
  /** Five or six fields, UTC. */
  cron: z.string().optional(),
  /** Generations kept besides the named one. */
  retain: z.int().min(1).max(50).default(1),
  stack: z.string(),
});
export type Schedule = z.infer<typeof scheduleSchema>;
/** What a container without a CheckpointSchedule gets. */
export const defaultSchedule = { intervalMs: 10_000, retain: 1 } as const;

/** `rule/<name>`. */
export const ruleSchema = z.strictObject({
  name: nameSchema,
  kind: z.enum(["affinity", "anti-affinity"]),
  /** Containers by name, by labels, or both. */
  containers: z.array(nameSchema).default([]),
  matchLabels: z.record(z.string(), z.string()).default({}),
  /** `host`, or the name of a host label such as `zone`. */
  topologyKey: z.string().min(1).default("host"),
  required: z.boolean().default(true),
  stack: z.string(),
});
export type Rule = z.infer<typeof ruleSchema>;

/** `declared`: the last container or rule that was declared, and through which host. */
export const declaredSchema = z.object({ what: z.string(), host: nameSchema });
export type Declared = z.infer<typeof declaredSchema>;

/** Why a container that is RUNNING by its record does not execute. */
export const stalledPhaseSchema = z.enum(["LAPSED", "HELD", "FROZEN", "TRACED"]);
export type StalledPhase = z.infer<typeof stalledPhaseSchema>;

/** `host/<h>/info`: what a host tells about itself, rewritten when it changes. */
export const hostInfoSchema = z.object({
  version: z.string(),
  /** Container name -> state of the copy here, from the table of states. */
  copies: z.record(z.string(), z.string()),
  /** Warm copies here: the generation each was restored from, and the memory it takes, MB. */
  warm: z.record(z.string(), z.strictObject({ epoch: z.int(), gen: z.int(), memoryMb: z.int() })).default({}),
  /** Copies here that do not execute though RUNNING: what they do instead, and since when, ISO 8601. */
  stalled: z.record(z.string(), z.strictObject({ phase: stalledPhaseSchema, since: z.string() })).default({}),
  /** Free memory. */
  memoryMb: z.int(),
  certificateUntil: z.string(),
  /** Peers this host suspects. */
  suspects: z.array(nameSchema),
  /** Engines that do not work there, and why. */
  engines: z.record(z.string(), z.string()).optional(),
});
export type HostInfo = z.infer<typeof hostInfoSchema>;
