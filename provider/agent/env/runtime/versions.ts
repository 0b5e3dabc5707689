import { release } from "node:os";
import type { Manifest } from "../../../contract";
import { runc } from "./commands/runc";
import { run } from "./exec";

/** CRIU asks the kernel what it can do and notes that until the next boot: no restore has to wait for it. */
export const learnKernel = ["criu", "check"];

/** What decides whether a checkpoint of one host can be restored on another. */
export async function versions(): Promise<Manifest["versions"]> {
  const [criu, runtime] = await Promise.all([run(["criu", "--version"]), run(runc.version())]);
  return { criu: criuVersion(criu), runtime: runcVersion(runtime), kernel: release() };
}

export function criuVersion(output: string): string {
  return /^Version: (\S+)/m.exec(output)?.[1] ?? "unknown";
}

export function runcVersion(output: string): string {
  return `runc ${/^runc version (\S+)/m.exec(output)?.[1] ?? "unknown"}`;
}
