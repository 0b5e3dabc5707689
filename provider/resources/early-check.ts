import type { z } from "zod";
import { faultText, type InputFault } from "../contract";
import { hasUnknown } from "../frame/unknown";
import type { Handlers } from "../resource";

type Values = Record<string, unknown>;

/**
 * Adds to `check` what can be said before every input is known: at a first preview the group's handle is not, but its
 * hosts and subnet are. `known`: the inputs without those that are unknown; `given`: the names of all inputs.
 */
export function withEarlyCheck(
  handlers: Handlers,
  o: {
    inputs: z.ZodObject;
    faults?: (known: Values, given: string[]) => InputFault[];
    derive?: (known: Values) => Values;
  },
): Handlers {
  return {
    ...handlers,
    async check(olds, news) {
      const { inputs: checked, failures } = await handlers.check(olds, news);
      if (failures.length > 0) return { inputs: checked, failures };
      const inputs = withDefaults(o.inputs, checked);
      const known = Object.fromEntries(Object.entries(inputs).filter(([, value]) => !hasUnknown(value)));
      const faults = o.faults?.(known, Object.keys(inputs)) ?? [];
      return {
        inputs: { ...inputs, ...o.derive?.(known) },
        failures: faults.map((fault) => ({ property: fault.path, reason: faultText(fault) })),
      };
    },
  };
}

/** Inputs of which some are unknown come back without defaults, and a plan would show every default as removed. */
function withDefaults(schema: z.ZodObject, inputs: Values): Values {
  const filled = Object.entries(schema.shape).flatMap(([key, field]) => {
    if (hasUnknown(inputs[key])) return [];
    const parsed = (field as z.ZodType).safeParse(inputs[key]);
    return parsed.success && parsed.data !== undefined ? [[key, parsed.data]] : [];
  });
  return { ...inputs, ...Object.fromEntries(filled) };
}
