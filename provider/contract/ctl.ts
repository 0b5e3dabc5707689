import { z } from "zod";
import { containerSpecSchema, engineSchema } from "./container-spec";
import { nameSchema } from "./names";
import { ruleSchema, scheduleSchema } from "./records";

/**
 * What `container-ha ctl` takes: one JSON request on standard input, one JSON reply on standard output. The same
 * bodies cross the agent's local socket (`POST /ctl`). Any live member serves every request that is about the group;
 * `pull` is about the host it is sent to.
 */
export const ctlRequestSchema = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("status") }),
  /** Make an image present in this host's engine. */
  z.strictObject({
    op: z.literal("pull"),
    engine: engineSchema,
    image: z.string(),
    archive: z.string().optional(),
  }),
  /** Validate, place and write a container's specification. `candidates` are computed by the agent. */
  z.strictObject({ op: z.literal("apply"), spec: containerSpecSchema }),
  /** Stop and forget a container; succeeds when it is unknown. Ends when no copy is left on any live host. */
  z.strictObject({ op: z.literal("remove"), name: nameSchema, stack: z.string() }),
  z.strictObject({ op: z.literal("set-schedule"), name: nameSchema, schedule: scheduleSchema }),
  z.strictObject({ op: z.literal("unset-schedule"), name: nameSchema, stack: z.string() }),
  z.strictObject({ op: z.literal("set-rule"), rule: ruleSchema }),
  z.strictObject({ op: z.literal("unset-rule"), name: nameSchema, stack: z.string() }),
  /** Take and commit one generation now. */
  z.strictObject({ op: z.literal("checkpoint"), name: nameSchema }),
  /**
   * Let a host go on with a container from its last generation: `to`, or the best that could. `dryRun`: tell what
   * would be done, as `{will}`. Resolves when it is served again.
   */
  z.strictObject({
    op: z.literal("failover"),
    name: nameSchema,
    to: nameSchema.optional(),
    dryRun: z.boolean().default(false),
  }),
  /** A host that is to take a container gets its generation from one that holds it; between agents only. */
  z.strictObject({ op: z.literal("fetch"), name: nameSchema }),
  /** End a host's session, so that others take its containers; `confirmedOff`: without waiting for its lease to end. */
  z.strictObject({
    op: z.literal("fence"),
    host: nameSchema,
    confirmedOff: z.boolean().default(false),
    dryRun: z.boolean().default(false),
  }),
  /** Move a running container to another host, live. Any host forwards it to the owner. */
  z.strictObject({
    op: z.literal("migrate"),
    name: nameSchema,
    to: nameSchema,
    /** Why, for the events. Default: an operator asked for it. */
    because: z.string().optional(),
  }),
  /** Move every container away from a host. Where one has nowhere to go nothing moves, unless `partial`. */
  z.strictObject({ op: z.literal("drain"), host: nameSchema, partial: z.boolean().default(false) }),
  /** What the source of a handover asks of its target; between agents only. */
  z.strictObject({
    op: z.literal("handover"),
    name: nameSchema,
    id: z.string(),
    step: z.discriminatedUnion("do", [
      z.strictObject({ do: z.literal("prepare") }),
      /** The memory that is moved, as owner records alone name it. */
      z.strictObject({ do: z.literal("restore"), epoch: z.int(), gen: z.int() }),
    ]),
  }),
  /**
   * A host without a quorum asks each that may take over from it: promise not to end this session, nor to take what it
   * owns, until a lease of so many ms that begins now has surely ended; between agents only. The result tells for how long.
   */
  z.strictObject({
    op: z.literal("promise"),
    host: nameSchema,
    sid: z.string().min(1),
    leaseMs: z.int().min(50).max(120_000),
  }),
  z.strictObject({ op: z.literal("events"), limit: z.int().min(1).max(10_000).default(200) }),
]);
export type CtlRequest = z.infer<typeof ctlRequestSchema>;
export type PromiseRequest = Extract<CtlRequest, { op: "promise" }>;
export type HandoverRequest = Extract<CtlRequest, { op: "handover" }>;

/**
 * `ok: false` is the user's mistake or a refusal with its reason; `code` is for programs. `not-yet`: what it needs is not
 * there, but may be soon, so that the same request is worth repeating for a while. `starting`: this member's agent cannot
 * know yet; another member may, and this one soon.
 */
export const ctlReplySchema = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), result: z.unknown() }),
  z.object({
    ok: z.literal(false),
    code: z.enum([
      "invalid",
      "conflict",
      "not-found",
      "no-quorum",
      "starting",
      "not-yet",
      "refused",
      "failed",
    ]),
    message: z.string(),
  }),
]);
/** What `pull` gives. `volumes`: paths that the engine would keep outside of the container's layer. */
export const pullReplySchema = z.object({ host: z.string(), volumes: z.array(z.string()) });
export type PullReply = z.infer<typeof pullReplySchema>;

export type CtlReply = z.infer<typeof ctlReplySchema>;
