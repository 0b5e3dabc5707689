import type { RenewalPlan } from "./renewal";
import type { Flight, LeaseContext } from "./state";

/** Opens what is left in the flight, by the set that was armed for it. Null when it is done, else why not. */
export async function flip(
  { state, env }: LeaseContext,
  { plan, flight }: { plan: RenewalPlan; flight: Flight },
): Promise<string | null> {
  state.active = null;
  try {
    if (flight.macs.size > 0 || state.open.size > 0) await env.kernel.flip(plan.slot, [...flight.macs]);
    state.active = { slot: plan.slot, leaseMs: plan.armMs };
    state.open = new Set(flight.macs);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
