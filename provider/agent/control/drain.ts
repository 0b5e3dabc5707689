import type { CtlRequest, Drained, Moved } from "../../contract";
import type { Context } from "../context";
import { fitsOn, placementInput } from "../input";
import { planDrain } from "../plan-moves";
import { migrate } from "./migrate";
import { freshView, Refusal } from "./support";

/** Moves every container away from a host, one after the other; nothing moves where one has nowhere to go. */
export async function drain(
  context: Context,
  { host, partial }: Extract<CtlRequest, { op: "drain" }>,
): Promise<Drained> {
  const known = context.policy.hosts.find(({ name }) => name === host);
  if (!known) throw new Refusal("invalid", `host ${host} is not in group ${context.me.group}`);
  if (known.role === "witness") throw new Refusal("invalid", `${host} is a witness and runs no containers`);
  const view = await freshView(context);
  const owned = [...view.containers.values()].filter(({ spec, owner }) => spec && owner?.value.host === host);
  const running = owned.filter(({ owner }) => owner!.value.phase === "RUNNING");
  const plan = planDrain(placementInput(context, view), {
    from: host,
    names: running.map(({ name }) => name),
    fits: (name, other) => fitsOn(context, view.containers.get(name)!, other),
  });
  const stuck = [
    ...plan.stuck,
    ...owned
      .filter((container) => !running.includes(container))
      .map(({ name, owner }) => ({
        name,
        because: `${name} is ${owner!.value.phase}: ${owner!.value.reason}`,
      })),
  ];
  if (stuck.length > 0 && !partial) {
    const reasons = stuck.map(({ because }) => because).join("; ");
    throw new Refusal(
      "refused",
      `nothing was moved from ${host}: ${reasons}. With --partial the others are moved (${plan.moves.map(({ name }) => name).join(", ") || "none"})`,
    );
  }
  const moved: Moved[] = [];
  for (const { name, to } of plan.moves) {
    try {
      moved.push(await migrate(context, { op: "migrate", name, to, because: `${host} is drained` }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      stuck.push({ name, because: error.message });
    }
  }
  return { host, moved, stayed: stuck };
}
