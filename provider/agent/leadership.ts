import type { Context } from "./context";
import { isLiveMember } from "./input";

/**
 * Where etcd's leadership should be if this host has it: a leader that dies together with a primary costs an election
 * before the fence. A witness runs no containers; else the live member with the fewest primaries, if that is fewer
 * than here. Null: it may stay.
 */
export function betterLeader(context: Context): string | null {
  const primaries = (host: string) =>
    [...context.view.containers.values()].filter((container) => container.owner?.value.host === host).length;
  const here = primaries(context.me.host);
  const others = context.policy.hosts
    .filter(
      ({ name, role }) => name !== context.me.host && (role === "witness" || isLiveMember(context, name)),
    )
    .filter(({ name }) => !context.suspects.has(name))
    .sort((a, b) => primaries(a.name) - primaries(b.name));
  const best = others[0];
  return best && primaries(best.name) < here ? best.name : null;
}
