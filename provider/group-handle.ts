import { z } from "zod";
import { nameSchema, policySchema } from "./contract";
import { connectionSchema } from "./ssh/connection-args";

/** `handle` of an HaGroup (a secret): all that a resource of another stack needs to reach the group. */
export const groupHandleSchema = z.strictObject({
  group: nameSchema,
  policy: policySchema,
  /** Hosts that run an agent, in the order of the group's list. */
  members: z.array(z.strictObject({ name: nameSchema, connection: connectionSchema })).min(1),
});
export type GroupHandle = z.infer<typeof groupHandleSchema>;
