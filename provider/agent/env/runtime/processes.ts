import { readdirSync, readFileSync } from "node:fs";

/**
 * The process that runs this program with these arguments among its others; null: none does. Asked of the kernel, since
 * whoever starts a program may die before it has noted the process id.
 */
export function findProcess([program, ...words]: readonly string[]): number | null {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const argv = argvOf(Number(name));
    if (argv[0] === program && words.every((word) => argv.includes(word))) return Number(name);
  }
  return null;
}

/** Of a process that has ended: nothing. */
function argvOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Whether the process has not ended. */
export function isAlive(pid: number): boolean {
  return argvOf(pid).some((word) => word !== "");
}
