import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import {
  groupHostSchema,
  type InputFault,
  nameSchema,
  type Rule,
  ruleCanBeMet,
  ruleSchema,
} from "../contract";
import { askGroup, groupStatus, handleSecrets } from "../control";
import { UserError } from "../errors";
import { groupHandleSchema } from "../group-handle";
import { type Context, defineResource, type Handlers } from "../resource";
import { withEarlyCheck } from "./early-check";
import { removeOrGiveUp } from "./unreachable";

const inputs = z.strictObject({
  name: nameSchema,
  /** `<project>/<stack>`. */
  stack: z.string(),
  group: nameSchema,
  handle: groupHandleSchema,
  /** Of the group, where they are known before its handle. */
  hosts: z.array(groupHostSchema).optional(),
  containers: ruleSchema.shape.containers,
  /** Those of `containers` that this program declares: they may not exist yet, since rules govern their creation. */
  declared: z.array(nameSchema).default([]),
  matchLabels: ruleSchema.shape.matchLabels,
  topologyKey: ruleSchema.shape.topologyKey,
  required: ruleSchema.shape.required,
  deleteUnreachable: z.boolean().default(false),
});
type Inputs = z.infer<typeof inputs>;

const outputs = z.object({
  /** Whether the rule holds for what runs now. */
  met: z.boolean(),
  /** Why, in one sentence. */
  sentence: z.string(),
});
type Outputs = z.infer<typeof outputs>;

/** AntiAffinityRule and AffinityRule: the same but for what they ask of placement. */
export function placementRuleHandlers(kind: "AntiAffinityRule" | "AffinityRule"): Handlers {
  const ruleKind = kind === "AffinityRule" ? "affinity" : "anti-affinity";
  const definition = defineResource({
    kind,
    inputs,
    outputs,
    id: ({ group, name }) => `${group}/rule/${name}`,
    replaceOn: ["name", "group", "stack"],
    partOf: "group",
    secretInputs: ["handle"],
    secrets: ({ handle }) => handleSecrets(handle),
    desired: ({ hosts: _hosts, declared: _declared, ...desired }) => desired,
    apply: ({ inputs, context }) => apply({ inputs, rule: ruleOf(ruleKind, inputs), context }),
    read: async ({ inputs }) => standing(inputs),
    remove: ({ inputs, context }) => remove(inputs, context),
  });
  return withEarlyCheck(definition, { inputs, faults: (known, given) => ruleFaults(ruleKind, known, given) });
}

function ruleOf(kind: Rule["kind"], inputs: Omit<Inputs, "handle" | "group">): Rule {
  const { name, containers, matchLabels, topologyKey, required, stack } = inputs;
  return { name, kind, containers, matchLabels, topologyKey, required, stack };
}

const judged = inputs.omit({ handle: true, group: true }).partial({ hosts: true });

/** What can be said before anything runs; containers that only labels select are not counted. */
export function ruleFaults(
  kind: Rule["kind"],
  known: Record<string, unknown>,
  given: string[],
): InputFault[] {
  const { containers, matchLabels } = known as Partial<Inputs>;
  const selects = given.includes("containers") && containers?.length !== 0;
  const matches = given.includes("matchLabels") && Object.keys(matchLabels ?? { unknown: "" }).length > 0;
  if (!selects && !matches)
    return [{ path: "containers", message: "expected containers, or matchLabels, or both" }];
  const parsed = judged.safeParse(
    Object.fromEntries(Object.entries(known).filter(([key]) => key in judged.shape)),
  );
  if (!parsed.success || !parsed.data.hosts || !("containers" in known)) return [];
  const rule = ruleOf(kind, parsed.data);
  const verdict = ruleCanBeMet(rule, new Set(rule.containers).size, parsed.data.hosts);
  return verdict.ok ? [] : [{ path: "containers", message: verdict.reason }];
}

async function apply(o: { inputs: Inputs; rule: Rule; context: Context<Outputs> }): Promise<Outputs> {
  const { inputs, rule, context } = o;
  const { signal } = context;
  const verdict = ruleCanBeMet(rule, new Set(rule.containers).size, inputs.handle.policy.hosts);
  if (!verdict.ok) throw new UserError(verdict.reason);
  const { containers } = await groupStatus(inputs.handle, { signal });
  refuseUnknown(
    inputs,
    containers.map(({ name }) => name),
  );
  await askGroup(inputs.handle, { op: "set-rule", rule }, { signal });
  const result = await untilMet(inputs, rule, context);
  if (!result.met) context.log(`warning: ${result.sentence}; it governs from the next start or failover on`);
  return result;
}

/** A required rule moves what runs, live; a preferred one governs placements to come. */
async function untilMet(inputs: Inputs, rule: Rule, { log, signal }: Context<Outputs>): Promise<Outputs> {
  const deadline = Date.now() + MOVE_MS;
  let said = "";
  for (;;) {
    const result = (await standing(inputs)) ?? { met: true, sentence: "written" };
    if (result.met || !rule.required) return result;
    if (Date.now() >= deadline) {
      throw new UserError(
        `rule ${rule.name} is not met after ${MOVE_MS / 1000} s: ${result.sentence}; no host may take what would have to move`,
      );
    }
    if (result.sentence !== said) log(`moving containers until it is met: ${result.sentence}`);
    said = result.sentence;
    await sleep(POLL_MS, undefined, { signal });
  }
}

const MOVE_MS = 180_000;
const POLL_MS = 500;

function refuseUnknown({ containers, declared, group }: Inputs, existing: string[]): void {
  containers.forEach((name, index) => {
    if (existing.includes(name) || declared.includes(name)) return;
    const list = existing.length > 0 ? existing.join(", ") : "none";
    throw new UserError(
      `containers[${index}]: expected a protected container of group ${group} (${list}), got "${name}"`,
    );
  });
}

async function standing({ handle, name }: Inputs): Promise<Outputs | null> {
  const { rules } = await groupStatus(handle);
  const rule = rules.find((one) => one.name === name);
  return rule ? { met: rule.met, sentence: rule.sentence } : null;
}

function remove(
  { name, stack, handle, deleteUnreachable }: Inputs,
  context: Context<Outputs>,
): Promise<void> {
  return removeOrGiveUp({
    allowed: deleteUnreachable,
    what: `rule ${name}`,
    log: context.log,
    remove: async () => {
      await askGroup(handle, { op: "unset-rule", name, stack }, { signal: context.signal });
    },
  });
}
