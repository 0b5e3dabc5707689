import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cgroupOf } from "./cgroup";
import type { RuntimeContext } from "./context";
import { needRecord, stateOf } from "./copies";
import { applyReasons, freeze } from "./freezer";
import { release } from "./restore";

/** The engine is done some ten milliseconds after the release; CRIU, which is in the cgroup too, before that. */
export async function keepWarm(context: RuntimeContext, container: string): Promise<{ memoryMb: number }> {
  const record = needRecord(container);
  // Of a held copy the reason is only noted, so that it never runs without it.
  await freeze(context, container, "warm");
  const job = context.jobs.of(container);
  await release(context, container);
  await job?.over;
  await applyReasons(record);
  const state = stateOf(context, record);
  if (state !== "warm")
    throw new Error(`${container} cannot be kept warm on ${context.host}: it is ${state}`);
  return { memoryMb: Math.round((await memoryKb(cgroupOf(record.engine, record.id)!)) / 1024) };
}

/** What its processes take, pages that they share with each other counted once. */
async function memoryKb(cgroup: string): Promise<number> {
  const pids = readFileSync(join(cgroup, "cgroup.procs"), "utf8").split("\n").filter(Boolean);
  const parts = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/smaps_rollup`, "utf8").then(pssKb, () => 0)),
  );
  return parts.reduce((sum, kb) => sum + kb, 0);
}

/** Reads `smaps_rollup` of a process. */
export function pssKb(rollup: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0);
}
