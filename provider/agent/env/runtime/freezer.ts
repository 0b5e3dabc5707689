import type { FreezeReason } from "../../env";

/** A container's cgroup, and the reasons to keep it frozen, which outlive the agent. */
export interface FreezerPort {
  /** It has processes, or is about to get some. */
  exists(container: string): boolean;
  /** CRIU works in its cgroup for an earlier agent. */
  isLent(container: string): boolean;
  reasons(container: string): string[];
  note(container: string, reason: FreezeReason): void;
  drop(container: string, reason: FreezeReason): void;
  forget(container: string): void;
  /** Writes `cgroup.freeze`; false: there is no cgroup. */
  write(container: string, frozen: boolean): boolean;
  /** Whether the kernel says so, or no process is left. */
  isSo(container: string, frozen: boolean): boolean;
  /** Waits until the condition holds; rejects with `what` when that takes too long. */
  until(condition: () => boolean, what: string): Promise<void>;
}

/**
 * The one writer of `cgroup.freeze`. A container is frozen while there is a reason for it and thawed when none is left,
 * except while its cgroup is lent to CRIU, which thaws it to let its parasite run and freezes it again itself: what is
 * asked for meanwhile is noted, and applied when CRIU is done. Somebody who froze it under CRIU would stop CRIU until
 * its time limit, and the container with it.
 */
export interface Freezer {
  freeze(container: string, reason: FreezeReason): Promise<void>;
  thaw(container: string, reason: FreezeReason): Promise<void>;
  /** From now on CRIU works in the cgroup; the function that is returned says that it is done, and applies the reasons. */
  lend(container: string): () => Promise<void>;
  reasons(container: string): string[];
  /** A new incarnation starts without the reasons of the one before. */
  forget(container: string): void;
}

export function createFreezer(port: FreezerPort): Freezer {
  /** How many operations of CRIU's are under way in a container's cgroup. */
  const loans = new Map<string, number>();
  const isLent = (container: string) => (loans.get(container) ?? 0) > 0 || port.isLent(container);
  const wanted = (container: string) => port.reasons(container).length > 0;

  async function apply(container: string): Promise<void> {
    if (isLent(container)) return;
    const frozen = wanted(container);
    if (!port.write(container, frozen)) return;
    // Whoever changes what is wanted meanwhile, or lends it, applies it as well.
    const isOver = () => isLent(container) || wanted(container) !== frozen || port.isSo(container, frozen);
    await port.until(isOver, `${container} is ${frozen ? "frozen" : "thawed"}`);
  }

  return {
    async freeze(container, reason) {
      // Without a process there is nothing to freeze, and no reason is kept.
      if (!port.exists(container)) return;
      port.note(container, reason);
      await apply(container);
    },
    async thaw(container, reason) {
      port.drop(container, reason);
      await apply(container);
    },
    lend(container) {
      loans.set(container, (loans.get(container) ?? 0) + 1);
      let isBack = false;
      return async () => {
        if (isBack) return;
        isBack = true;
        const left = loans.get(container)! - 1;
        if (left > 0) loans.set(container, left);
        else loans.delete(container);
        await apply(container);
      };
    },
    reasons: port.reasons,
    forget: port.forget,
  };
}
