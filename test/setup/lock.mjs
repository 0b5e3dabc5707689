import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./paths.mjs";
import { findProgram } from "./programs.mjs";
import { say } from "./progress.mjs";

/**
 * Runs `work` while no other process has the lock of this name. The lock is the kernel's and ends with this process
 * however it ends, so there is never a stale one. Where flock is missing (macOS) nothing is locked.
 */
export async function withLock(name, work, { folder = join(cacheFolder, "locks") } = {}) {
  const flock = findProgram("flock");
  if (flock === undefined) return work();
  mkdirSync(folder, { recursive: true });
  // The holder is a child that ends when our end of its standard input closes.
  const holder = spawn(flock, ["-x", join(folder, `${name}.lock`), "sh", "-c", "echo; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const waiting = setTimeout(() => say(`waiting for another process that makes the same (${name})`), 1000);
  try {
    await new Promise((resolve, reject) => {
      holder.stdout.once("data", resolve);
      holder.once("error", reject);
      holder.once("close", () => reject(new Error(`lock ${name}: flock ended before it had the lock`)));
    });
    clearTimeout(waiting);
    return await work();
  } finally {
    clearTimeout(waiting);
    holder.stdin.end();
  }
}
