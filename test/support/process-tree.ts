import { readdirSync, readFileSync } from "node:fs";

/** SIGKILL for a process and everything that descends from it, as if its machine had died. */
export function killTree(root: number): void {
  // Stopped first, so that nobody starts a process while the others are being killed.
  const pids = [root, ...descendants(root)];
  for (const pid of pids) signal(pid, "SIGSTOP");
  for (const pid of new Set([...pids, ...descendants(root)])) signal(pid, "SIGKILL");
}

function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const parent = parentOf(name);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const below = (pid: number): number[] =>
    (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(root);
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
