import type { Fence, Owner, Policy } from "../contract";

/** Whether a host may be fenced for nothing but its silence (safety.md 1.4, 1.9). */
export function mayFenceForSilence({ failover, fencing }: Pick<Policy, "failover" | "fencing">): boolean {
  return failover === "automatic" && !fencing?.required;
}

/**
 * Whether a container that its owner cannot run any more, or gave up, may go to `host` under this policy. With
 * `manual` it goes where an operator wants it, is taken by anybody once an operator fenced its host, and begins again
 * on the host where it was.
 */
export function mayTake(
  { failover }: Pick<Policy, "failover">,
  { owner, fence, host }: { owner: Owner; fence: Fence | null; host: string },
): boolean {
  if (failover !== "manual") return true;
  return (
    owner.host === host || owner.failoverTo === host || (fence !== null && isByOperator(fence, owner.host))
  );
}

/** A host ends its own sessions by the same method; those are nobody's decision. */
function isByOperator({ method, by }: Fence, host: string): boolean {
  return method === "operator" && by !== host;
}
