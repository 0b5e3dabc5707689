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
  o: { faults?: (known: Values, given: string[]) => InputFault[]; derive?: (known: Values) => Values },
): Handlers {
  return {
    ...handlers,
    async check(olds, news) {
      const { inputs, failures } = await handlers.check(olds, news);
      if (failures.length > 0) return { inputs, failures };
      const known = Object.fromEntries(Object.entries(inputs).filter(([, value]) => !hasUnknown(value)));
      const faults = o.faults?.(known, Object.keys(inputs)) ?? [];
      return {
        inputs: { ...inputs, ...o.derive?.(known) },
        failures: faults.map((fault) => ({ property: fault.path, reason: faultText(fault) })),
      };
    },
  };
}
