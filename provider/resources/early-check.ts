import { faultText, type InputFault } from "../contract";
import { hasUnknown } from "../frame/unknown";
import type { Handlers } from "../resource";

type Values = Record<string, unknown>;

/**
 * Adds to `check` what can be said before every input is known: at a first preview the group's handle is not, but its
 * hosts and subnet are. `faults` and `derive` get the inputs without those that are unknown.
 */
export function withEarlyCheck(
  handlers: Handlers,
  o: { faults?: (known: Values) => InputFault[]; derive?: (known: Values) => Values },
): Handlers {
  return {
    ...handlers,
    async check(olds, news) {
      const { inputs, failures } = await handlers.check(olds, news);
      if (failures.length > 0) return { inputs, failures };
      const known = Object.fromEntries(Object.entries(inputs).filter(([, value]) => !hasUnknown(value)));
      const faults = o.faults?.(known) ?? [];
      return {
        inputs: { ...inputs, ...o.derive?.(known) },
        failures: faults.map((fault) => ({ property: fault.path, reason: faultText(fault) })),
      };
    },
  };
}
