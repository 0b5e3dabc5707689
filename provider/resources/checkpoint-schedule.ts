import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { cronFault, type InputFault, nameSchema, type Schedule, scheduleSchema } from "../contract";
import { askGroup, GroupRefused, groupStatus, handleSecrets } from "../control";
import { UserError } from "../errors";
import { groupHandleSchema } from "../group-handle";
import { type Context, defineResource } from "../resource";
import { withEarlyCheck } from "./early-check";
import { removeOrGiveUp } from "./unreachable";

const inputs = z.strictObject({
  /** The resource's name, for messages. */
  name: z.string(),
  container: nameSchema,
  /** `<project>/<stack>`. */
  stack: z.string(),
  group: nameSchema,
  handle: groupHandleSchema,
  intervalSeconds: z.number().min(0.5).max(86_400).optional(),
  cron: z
    .string()
    .superRefine((cron, context) => {
      const expected = `expected five or six cron fields (UTC) such as "*/5 * * * *", got ${JSON.stringify(cron)}`;
      const isLine = /^\s*(\S+\s+){4,5}\S+\s*$/.test(cron);
      // The parser that runs it knows best.
      const fault = isLine ? cronFault(cron) : null;
      const message = fault === null ? expected : `${expected} (${fault})`;
      if (!isLine || fault !== null) context.addIssue({ code: "custom", message });
    })
    .optional(),
  retain: scheduleSchema.shape.retain,
  deleteUnreachable: z.boolean().default(false),
});
type Inputs = z.infer<typeof inputs>;

const generationSchema = z.object({ gen: z.number(), epoch: z.number() });
const outputs = z.object({
  /** The first generation that was committed under this schedule. */
  generation: generationSchema,
});
type Outputs = z.infer<typeof outputs>;

const definition = defineResource({
  kind: "CheckpointSchedule",
  inputs,
  outputs,
  id: ({ group, container }) => `${group}/${container}/schedule`,
  replaceOn: ["container", "group", "stack"],
  partOf: "group",
  secretInputs: ["handle"],
  secrets: ({ handle }) => handleSecrets(handle),
  apply: ({ inputs, context }) => apply(inputs, context),
  read: ({ inputs, stored }) => read(inputs, stored.outputs),
  remove: ({ inputs, context }) => remove(inputs, context),
});

export const checkpointScheduleHandlers = withEarlyCheck(definition, { inputs, faults: oneOfBoth });

function oneOfBoth(_known: unknown, given: string[]): InputFault[] {
  const count = ["intervalSeconds", "cron"].filter((key) => given.includes(key)).length;
  if (count === 1) return [];
  return [
    {
      path: "",
      message: `expected exactly one of intervalSeconds and cron, got ${count === 0 ? "none" : "both"}`,
    },
  ];
}

async function apply(inputs: Inputs, context: Context<Outputs>): Promise<Outputs> {
  const { container: name, handle } = inputs;
  await askGroup(
    handle,
    { op: "set-schedule", name, schedule: scheduleOf(inputs) },
    { signal: context.signal },
  );
  context.keep({});
  const generation = await takeGeneration(inputs, context);
  context.log(`generation ${generation.epoch}-${generation.gen} of ${name} is committed under it`);
  return { generation };
}

function scheduleOf({ intervalSeconds, cron, retain, stack }: Inputs): Schedule {
  const intervalMs = intervalSeconds === undefined ? undefined : Math.round(intervalSeconds * 1000);
  return { intervalMs, cron, retain, stack };
}

/** Asked for at once, so that a schedule that runs once a day is proved now as well. */
async function takeGeneration(
  { container: name, handle }: Inputs,
  { log, signal }: Context<Outputs>,
): Promise<Outputs["generation"]> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      const answer = await askGroup(handle, { op: "checkpoint", name }, { timeoutMs: CHECKPOINT_MS, signal });
      return generationSchema.parse(answer);
    } catch (error) {
      // Refused for now: a checkpoint or a failover is under way.
      if (!(error instanceof GroupRefused) || error.code !== "refused") throw error;
      if (Date.now() >= until) {
        throw new UserError(`no generation of ${name} was committed under the schedule: ${error.message}`);
      }
      log(`waiting for a generation: ${error.message}`);
      await sleep(RETRY_MS, undefined, { signal });
    }
  }
}

const PATIENCE_MS = 120_000;
const CHECKPOINT_MS = 200_000;
const RETRY_MS = 1_000;

/** The group does not tell a schedule apart from its container; what was proved at the last `up` stays true. */
async function read(inputs: Inputs, stored: Partial<Outputs>): Promise<Outputs | null> {
  const { containers } = await groupStatus(inputs.handle);
  const container = containers.find(({ name }) => name === inputs.container);
  if (!container) return null;
  return { generation: stored.generation ?? container.generation ?? { gen: 0, epoch: 0 } };
}

function remove({ container: name, stack, handle, deleteUnreachable }: Inputs, context: Context<Outputs>) {
  return removeOrGiveUp({
    allowed: deleteUnreachable,
    what: `the schedule of ${name}`,
    log: context.log,
    remove: async () => {
      await askGroup(handle, { op: "unset-schedule", name, stack }, { signal: context.signal });
    },
  });
}
