import { type Context, track } from "./context";
import { isLiveMember } from "./input";

/** Whether etcd's leader is on this host, and should not be, is asked this often. */
const CHECK_MS = 3000;

/**
 * Returns a function for each cycle that keeps etcd's leadership off hosts that run primaries; which host leads is no
 * matter of safety.
 */
export function createLeaderKeeper(context: Context): () => void {
  const { clock, store, log } = context.env;
  let checkedAt = 0;
  return () => {
    const now = clock.now();
    if (now - checkedAt < CHECK_MS) return;
    checkedAt = now;
    const target = betterLeader(context);
    if (!target) return;
    track(
      context,
      store.moveLeader(target).catch((error: Error) => {
        log.debug(`etcd's leadership was not moved to ${target}: ${error.message}`);
      }),
    );
  };
}

/**
 * Where etcd's leadership should be if this host has it: a leader that dies together with a primary costs an election
 * before the fence. A witness runs no containers; else the live member with the fewest primaries, if that is fewer
 * than here. Null: it may stay.
 */
function betterLeader(context: Context): string | null {
  if (context.policy.etcd === "external") return null;
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
