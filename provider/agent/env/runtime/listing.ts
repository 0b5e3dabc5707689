import { existsSync } from "node:fs";
import { type Engine as EngineName, engineSchema } from "../../../contract";
import type { CopyInfo } from "../../env";
import { cgroupOf } from "./cgroup";
import type { RuntimeContext } from "./context";
import { inspect, isLiving, stateOf } from "./copies";
import { CommandError } from "./exec";
import { isHeld } from "./held";
import { type CopyRecord, deleteRecord, readRecord, recordedContainers, writeRecord } from "./record";

/** Asks the engines, takes up what has no record, drops records of what is gone, and watches what runs. */
export async function list(context: RuntimeContext): Promise<CopyInfo[]> {
  const recorded = recordedContainers().flatMap((container) => readRecord(container) ?? []);
  for (const engine of engineSchema.options) {
    const mine = recorded.filter((record) => record.engine === engine);
    if (mayAsk(context, engine, mine)) reconcile(mine, await ask(context, engine));
  }
  const records = recordedContainers().flatMap((container) => readRecord(container) ?? []);
  for (const record of records) {
    if (!isLiving(stateOf(context, record))) continue;
    context.exits.watch(record.container, cgroupOf(record.engine, record.id));
  }
  return Promise.all(records.map(({ container }) => inspect(context, container)));
}

/**
 * Podman's commands hang while one of its containers is held, and a docker daemon that nobody uses stays asleep.
 */
function mayAsk(context: RuntimeContext, engine: EngineName, mine: CopyRecord[]): boolean {
  const busy = mine.some(({ container }) => isHeld(container) || context.jobs.of(container));
  if (busy) return false;
  return engine === "podman" || mine.length > 0 || existsSync("/run/docker.pid");
}

function reconcile(mine: CopyRecord[], found: CopyRecord[] | null): void {
  if (!found) return;
  for (const { container, id } of mine) {
    if (!found.some((record) => record.id === id)) deleteRecord(container);
  }
  for (const record of found) {
    if (readRecord(record.container)?.id !== record.id) writeRecord(record);
  }
}

/** Null: the engine is not installed. */
async function ask(context: RuntimeContext, engine: EngineName): Promise<CopyRecord[] | null> {
  try {
    return await context.engines[engine].list(context.group);
  } catch (error) {
    if (error instanceof CommandError && error.code === 127) return null;
    throw error;
  }
}
