import { realMac } from "../../contract";
import { type Context, type Subject, unlessEnded } from "../context";
import { failsafeWrites } from "../ownership";

/**
 * Records who alone may take the container from this host (safety.md 1.7). Until it is known that the record stands,
 * whoever is on the old list or the new one is asked; when its fate is not known, nobody, until the next attempt is
 * acknowledged, which no older one can follow.
 */
export async function listMembers(
  context: Context,
  { container, local }: Subject,
  members: string[] | null,
): Promise<string> {
  const { epoch } = container.owner!.value;
  const before = local.failsafe?.epoch === epoch ? local.failsafe.members : null;
  local.failsafe = before && members ? { epoch, members: [...new Set([...before, ...members])] } : null;
  const mac = realMac(context.me.group, container.name);
  const joined = context.env.gate.join({
    container: container.name,
    mac,
    ...failsafeWrites(context.me, container, members),
  });
  // A lease process that no agent speaks to answers no join, and the next session waits for the end of this action.
  const { result } = await unlessEnded(context, joined);
  local.failsafe = result === "committed" && members ? { epoch, members } : null;
  if (result !== "committed") return `${container.name}: who may take it could not be recorded yet`;
  return members
    ? `${container.name}: from a fenced ${context.me.host} only ${members.join(", ")} may take it`
    : `${container.name}: every host may take it`;
}
