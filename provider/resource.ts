import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { canonical, check, faultText, type InputFault } from "./contract";
import { UserError } from "./errors";
import { beginOperation, type Context, type Operation } from "./frame/context";
import { watchEngine } from "./frame/engine-watch";
import { failureText, partialFailure, plainError } from "./frame/failure";
import { withoutSecret } from "./frame/secret-fault";
import { hasUnknown, isAboutUnknown } from "./frame/unknown";

export type { Context } from "./frame/context";

type Shape = z.ZodObject;
type Values = Record<string, unknown>;

/** What the state holds of a resource. Outputs can be missing: of an interrupted `up`, or of an older version. */
export interface Stored<I extends Shape, O extends Shape> {
  id: string;
  inputs: z.output<I>;
  outputs: Partial<z.output<O>>;
}

export interface ResourceDefinition<I extends Shape, O extends Shape> {
  /** `Host`: in messages, and the last part of the type token. */
  kind: string;
  /** Strict object with a `name`. What it returns must be valid input of itself: it is parsed more than once. */
  inputs: I;
  /** What `apply` returns. Input names are taken: the state holds inputs, outputs, `schemaVersion` and `status`. */
  outputs: O;
  /** Stable, and known from inputs that never change without a replacement. No secrets. */
  id(inputs: z.output<I>): string;
  /** Inputs whose change makes it another thing: replaced, the old one deleted first. */
  replaceOn: readonly (keyof z.output<I> & string)[];
  /**
   * The one of them that names what this is a part of: unknown only while that is replaced (sdk/group-reference.ts). Then
   * this is replaced with it: Pulumi deletes first what says so.
   */
  partOf?: keyof z.output<I> & string;
  /** Inputs that are secret as a whole: their values are left out of messages. */
  secretInputs?: readonly (keyof z.output<I> & string)[];
  /** Every secret in the inputs (and stored outputs), to be removed from lines and messages. */
  secrets?(inputs: z.output<I>, outputs: Partial<z.output<O>>): string[];
  /** Rules beyond the schema; asked only when every input is known. */
  check?(inputs: z.output<I>): InputFault[];
  /** What is compared to find a change. @default the inputs */
  desired?(inputs: z.output<I>): unknown;
  /** Whether the stored outputs alone ask for an update (a newer release to ship, a degraded state). Offline. */
  outdated?(stored: Stored<I, O>, inputs: z.output<I>): boolean;
  /** Total time of one operation. @default 20 minutes */
  timeoutMs?: number;
  /**
   * Create and update: observe, ensure, sync, return the outputs. Must converge from any state that an interrupted
   * run left, with or without `stored`.
   */
  apply(o: Act<I, O> & { stored: Stored<I, O> | undefined }): Promise<z.input<O>>;
  /** The outputs as they are now; null: it is gone for sure (never because a host does not answer). */
  read(o: Act<I, O> & { stored: Stored<I, O> }): Promise<z.input<O> | null>;
  /** Removes; what is gone already is success. */
  remove(o: Act<I, O> & { stored: Stored<I, O> }): Promise<void>;
}

interface Act<I extends Shape, O extends Shape> {
  inputs: z.output<I>;
  context: Context<z.input<O>>;
}

/** The methods that Pulumi's dynamic provider calls. */
export interface Handlers {
  check(
    olds: Values,
    news: Values,
  ): Promise<{ inputs: Values; failures: { property: string; reason: string }[] }>;
  diff(
    id: string,
    olds: Values,
    news: Values,
  ): Promise<{ changes: boolean; replaces: string[]; deleteBeforeReplace: boolean }>;
  create(news: Values): Promise<{ id: string; outs: Values }>;
  read(id: string, props: Values): Promise<{ id: string; props: Values }>;
  update(id: string, olds: Values, news: Values): Promise<{ outs: Values }>;
  delete(id: string, props: Values): Promise<void>;
}

/** Shape of the outputs in the state; raised when older outputs can no longer be read as they are. */
const SCHEMA_VERSION = 1;
const DEFAULT_TIMEOUT_MS = 20 * 60_000;

/** Everything that is the same for all resources: see `ResourceDefinition` for what is not. */
export function defineResource<I extends Shape, O extends Shape>(
  definition: ResourceDefinition<I, O>,
): Handlers {
  type Inputs = z.output<I>;
  type Outputs = Partial<z.output<O>>;
  const inputKeys = Object.keys(definition.inputs.shape);
  const taken = inputKeys.filter((key) => key in definition.outputs.shape);
  if (taken.length > 0)
    throw new Error(`${definition.kind} has inputs and outputs of one name: ${taken.join(", ")}`);
  const secretInputs: readonly string[] = definition.secretInputs ?? [];

  function faultsOf(inputs: Values): { inputs: Values; faults: InputFault[] } {
    const result = check(definition.inputs, inputs);
    if (result.ok) {
      const known = !hasUnknown(result.value);
      return {
        inputs: result.value as Values,
        faults: known ? (definition.check?.(result.value as Inputs) ?? []) : [],
      };
    }
    return { inputs, faults: result.faults.filter((fault) => !isAboutUnknown(inputs, fault.path)) };
  }

  function inputsFrom(values: Values): Inputs {
    const result = check(definition.inputs, pick(values, inputKeys));
    if (result.ok) return result.value as Inputs;
    const faults = result.faults.map((fault) => faultText(withoutSecret(fault, secretInputs)));
    throw new UserError(`inputs are not valid: ${faults.join("; ")}`);
  }

  /** Outputs that this version cannot read (written by another one) are left out, not fatal. */
  function outputsFrom(values: Values): Outputs {
    const entries = Object.entries(definition.outputs.shape).flatMap(([key, schema]) => {
      const result = (schema as z.ZodType).safeParse(values[key]);
      return result.success && result.data !== undefined ? [[key, result.data]] : [];
    });
    return Object.fromEntries(entries) as Outputs;
  }

  function storedFrom(id: string, values: Values): Stored<I, O> {
    return { id, inputs: inputsFrom(values), outputs: outputsFrom(values) };
  }

  function stateOf(inputs: Inputs, outputs: Values, own: { status: string; incarnation: unknown }): Values {
    return clean({ ...(inputs as Values), ...outputs, schemaVersion: SCHEMA_VERSION, ...own });
  }

  async function run<T>(
    verb: string,
    values: Values,
    body: (operation: Operation<z.input<O>>) => Promise<T>,
    onFailure?: (message: string, kept: Partial<z.input<O>>) => Error,
  ): Promise<T> {
    watchEngine();
    const subject = `${definition.kind} ${String(values.name ?? "")}`.trim();
    let secrets: string[] = [];
    let operation: Operation<z.input<O>> | undefined;
    try {
      secrets = definition.secrets?.(inputsFrom(values), outputsFrom(values)) ?? [];
      const timeoutMs = definition.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const begun = beginOperation<z.input<O>>({ subject, verb, timeoutMs, secrets });
      operation = begun;
      return await begun.within(() => body(begun));
    } catch (error) {
      const message = failureText({ subject: `${subject}: ${verb}`, error, secrets });
      const kept = operation?.kept();
      throw kept && onFailure ? onFailure(message, kept) : plainError(message);
    }
  }

  async function apply(verb: string, news: Values, storedAs?: { id: string; olds: Values }) {
    let id = storedAs?.id ?? "";
    const incarnation = storedAs ? storedAs.olds.incarnation : randomUUID();
    const state = (outputs: Values, status: "ok" | "degraded") => {
      if (!storedAs) incarnations.set(keyOf(id), incarnation as string);
      return stateOf(inputsFrom(news), outputs, { status, incarnation });
    };
    const outs = await run(
      verb,
      { ...storedAs?.olds, ...news },
      async ({ context }) => {
        const inputs = inputsFrom(news);
        const faults = definition.check?.(inputs) ?? [];
        if (faults.length > 0) throw new UserError(faults.map(faultText).join("; "));
        id ||= definition.id(inputs);
        const stored = storedAs && {
          id,
          inputs: tryInputs(storedAs.olds) ?? inputs,
          outputs: outputsFrom(storedAs.olds),
        };
        return state((await definition.apply({ inputs, stored, context })) as Values, "ok");
      },
      (message, kept) => {
        const before = storedAs ? pick(storedAs.olds, Object.keys(definition.outputs.shape)) : {};
        const properties = state({ ...before, ...(kept as Values) }, "degraded");
        return partialFailure({ message, id, properties: { ...properties, __provider: news.__provider } });
      },
    );
    return { id, outs };
  }

  function tryInputs(values: Values): Inputs | undefined {
    const result = check(definition.inputs, pick(values, inputKeys));
    return result.ok ? (result.value as Inputs) : undefined;
  }

  const keyOf = (id: string) => `${definition.kind} ${id}`;

  return {
    async check(_olds, news) {
      const { __provider, ...given } = news;
      const { inputs, faults } = faultsOf(given);
      const failures = faults
        .map((fault) => withoutSecret(fault, secretInputs))
        .map((fault) => ({ property: fault.path, reason: faultText(fault) }));
      return { inputs: { ...clean(inputs), __provider }, failures };
    },

    async diff(id, olds, news) {
      const differing = inputKeys.filter((key) => !hasUnknown(news[key]) && differs(olds[key], news[key]));
      const isReplaced = (key: string) =>
        differing.includes(key) || (key === definition.partOf && hasUnknown(news[key]));
      const replaces = definition.replaceOn.filter(isReplaced);
      const desired = definition.desired ?? ((inputs: Inputs) => inputs);
      const changed = () => {
        if (hasUnknown(pick(news, inputKeys)) || olds.status !== "ok") return true;
        const before = tryInputs(olds);
        const after = inputsFrom(news);
        if (!before || differs(desired(before), desired(after))) return true;
        return definition.outdated?.(storedFrom(id, olds), after) ?? false;
      };
      return { changes: replaces.length > 0 || changed(), replaces, deleteBeforeReplace: true };
    },

    create: (news) => apply("create", news),

    async update(id, olds, news) {
      const { outs } = await apply("update", news, { id, olds });
      return { outs };
    },

    read: (id, props) =>
      run("refresh", props, async ({ context }) => {
        const stored = storedFrom(id, props);
        const outputs = await definition.read({ inputs: stored.inputs, stored, context });
        if (outputs === null) return { id: "", props: {} };
        const status = props.status === "ok" ? "ok" : "degraded";
        const { incarnation } = props;
        return { id, props: stateOf(stored.inputs, outputs as Values, { status, incarnation }) };
      }),

    delete: (id, props) =>
      run("delete", props, async ({ context }) => {
        const newer = incarnations.get(keyOf(id));
        if (newer !== undefined && newer !== props.incarnation) {
          context.log("it has another name in the program now, and goes on as it is");
          return;
        }
        const stored = storedFrom(id, props);
        await definition.remove({ inputs: stored.inputs, stored, context });
      }),
  };
}

/**
 * What this process, which lives for one run of Pulumi, has created. A resource that is renamed in the program is created
 * under its new name, which takes over what is there, and then deleted under its old one: not what it stands for.
 */
const incarnations = new Map<string, string>();

function pick(values: Values, keys: readonly string[]): Values {
  return Object.fromEntries(keys.filter((key) => values[key] !== undefined).map((key) => [key, values[key]]));
}

function differs(a: unknown, b: unknown): boolean {
  return canonical(a) !== canonical(b);
}

/** What Pulumi can store: plain JSON, without undefined, dates and the like (they lose the resource). */
function clean(values: Values): Values {
  return JSON.parse(JSON.stringify(values)) as Values;
}
