import { z } from "zod";
import type { Gate } from "../env";

/**
 * What agent and lease process say to each other: one JSON object a line. A request has an id and gets one reply with
 * the same id; `ping` has neither. Events come by themselves.
 */
const mac = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, {
  error: "expected a MAC such as 02:00:00:00:00:01",
});
const id = z.int();
const ms = z.int().min(50).max(120_000);

const compareSchema = z.union([
  z.strictObject({ key: z.string(), modRevision: z.int().min(0) }),
  z.strictObject({ key: z.string(), value: z.string() }),
]);
const writeSchema = z.union([
  z.strictObject({ put: z.string(), value: z.string() }),
  z.strictObject({ delete: z.string() }),
]);

export const requestSchema = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("adopt"), id, sid: z.string().min(1), record: z.string() }),
  z.strictObject({
    op: z.literal("configure"),
    id,
    protected: z.array(mac),
    here: z.array(mac),
    probe: z.array(mac),
    leaseMs: ms,
    intervalMs: ms,
    failsafe: z.literal(true).optional(),
  }),
  z.strictObject({
    op: z.literal("join"),
    id,
    container: z.string(),
    mac,
    compares: z.array(compareSchema),
    writes: z.array(writeSchema),
  }),
  z.strictObject({ op: z.literal("leave"), id, mac }),
  z.strictObject({
    op: z.literal("vouch"),
    id,
    sid: z.string(),
    attempt: z.string(),
    promised: z.boolean(),
  }),
  z.strictObject({ op: z.literal("state"), id }),
  z.strictObject({ op: z.literal("ping") }),
]);
export type Request = z.infer<typeof requestSchema>;

export const eventSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("lapsed"), sid: z.string() }),
  z.strictObject({ type: z.literal("renewed"), sid: z.string() }),
  z.strictObject({ type: z.literal("lost"), sid: z.string() }),
  z.strictObject({
    type: z.literal("asking"),
    sid: z.string(),
    attempt: z.string(),
    macs: z.array(mac),
    leaseMs: z.int(),
  }),
  z.strictObject({ type: z.literal("tampered"), repaired: z.boolean(), detail: z.string() }),
]);

export const messageSchema = z.union([
  z.strictObject({ id, ok: z.unknown() }),
  z.strictObject({ id, error: z.string() }),
  z.strictObject({ event: eventSchema }),
]);
export type Message = z.infer<typeof messageSchema>;

export const outcomeSchema = z.discriminatedUnion("result", [
  z.strictObject({ result: z.literal("committed"), revision: z.int() }),
  z.strictObject({ result: z.literal("refused") }),
  z.strictObject({ result: z.literal("unknown"), cause: z.string() }),
]);

export const gateStateSchema = z.strictObject({
  sid: z.string().nullable(),
  open: z.array(mac),
  lapsed: z.boolean(),
  leaseMs: z.number(),
}) satisfies z.ZodType<Awaited<ReturnType<Gate["state"]>>>;
