import { z } from "zod";
import { nameSchema } from "./names";

/** Where the time went while nobody served, ms. */
export const movePhasesSchema = z.object({
  /** The container stopped and its gate was closed. */
  freezeMs: z.number(),
  dumpMs: z.number(),
  /** What was left to be sent after the dump. */
  transferMs: z.number(),
  restoreMs: z.number(),
  /** The ownership changed and the target opened its gate. */
  switchMs: z.number(),
  totalMs: z.number(),
});
export type MovePhases = z.infer<typeof movePhasesSchema>;

/** A handover that was completed: the reply to `migrate`. */
export const movedSchema = z.object({
  name: nameSchema,
  from: nameSchema,
  to: nameSchema,
  /** The epoch that the target runs it under. */
  epoch: z.number(),
  phases: movePhasesSchema,
});
export type Moved = z.infer<typeof movedSchema>;

/** The reply to `drain`. */
export const drainedSchema = z.object({
  host: nameSchema,
  moved: z.array(movedSchema),
  /** Containers that are still there, and why. */
  stayed: z.array(z.object({ name: nameSchema, because: z.string() })),
});
export type Drained = z.infer<typeof drainedSchema>;
