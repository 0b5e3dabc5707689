import { readFileSync } from "node:fs";

/** A process, told apart from a later one with the same number by the time of its start. */
export interface Owner {
  pid: number;
  startedAt: string;
}

export function thisProcess(): Owner {
  return { pid: process.pid, startedAt: startOf(process.pid)! };
}

export function isAlive(owner: Owner): boolean {
  return startOf(owner.pid) === owner.startedAt;
}

/** Start of a process in clock ticks since boot, or undefined when there is none. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces; field 22 is the 20th behind it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
