import { readFileSync } from "node:fs";
import { placesOf } from "./places";
import { readIfThere } from "./read-if-there";

/**
 * Whether it waits before its first instruction. By what its process does, never by what was asked of it: a release may
 * get lost on its way, and then it still waits.
 */
export function isHeld(container: string): boolean {
  const pid = heldPid(container);
  return pid !== null && isTraced(pid);
}

/** The init process that CRIU restored and that waits, or waited; null: none does. */
export function heldPid(container: string): number | null {
  const pid = Number(readIfThere(placesOf(container).held)?.trim() ?? 0);
  return pid > 1 ? pid : null;
}

/** Whether another process keeps it in a ptrace stop. */
export function isTraced(pid: number): boolean {
  try {
    // "pid (name) state ...": the name may hold anything, also parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("t");
  } catch {
    return false;
  }
}
