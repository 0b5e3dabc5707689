import { readFile } from "node:fs/promises";
import { cgroupOf, processesIn } from "./cgroup";
import type { RuntimeContext } from "./context";
import { needRecord, stateOf } from "./copies";
import { release } from "./restore";

/** The engine is done some ten milliseconds after the release, and the reason is applied then. */
export async function keepWarm(context: RuntimeContext, container: string): Promise<{ memoryMb: number }> {
  const record = needRecord(container);
  // Of a held copy the reason is only noted, so that it never runs without it.
  await context.freezer.freeze(container, "warm");
  const job = context.jobs.of(container);
  await release(context, container);
  await job?.over;
  const state = stateOf(context, record);
  if (state !== "warm")
    throw new Error(`${container} cannot be kept warm on ${context.host}: it is ${state}`);
  return { memoryMb: Math.round((await memoryKb(cgroupOf(record.engine, record.id)!)) / 1024) };
}

/** What its processes take, pages that they share with each other counted once. */
async function memoryKb(cgroup: string): Promise<number> {
  const parts = await Promise.all(
    processesIn(cgroup).map((pid) => readFile(`/proc/${pid}/smaps_rollup`, "utf8").then(pssKb, () => 0)),
  );
  return parts.reduce((sum, kb) => sum + kb, 0);
}

/** Reads `smaps_rollup` of a process. */
export function pssKb(rollup: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0);
}
