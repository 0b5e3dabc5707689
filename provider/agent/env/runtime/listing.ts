import { existsSync } from "node:fs";
import { type Engine as EngineName, engineSchema, parkedMac } from "../../../contract";
import type { CopyInfo } from "../../env";
import { cgroupOf, writeCgroup } from "./cgroup";
import type { RuntimeContext } from "./context";
import { inspect, isLiving, stateOf } from "./copies";
import type { Listed } from "./engine";
import { CommandError } from "./exec";
import { isHeld } from "./held";
import { type CopyRecord, deleteRecord, readRecord, recordedContainers, writeRecord } from "./record";

/**
 * Asks the engines, takes up what has no record, drops records of what is gone, and watches what runs. An engine that
 * does not answer, and a copy that cannot be looked at, keep nobody from the others.
 */
export async function list(context: RuntimeContext): Promise<CopyInfo[]> {
  await Promise.all(engineSchema.options.map((engine) => takeUp(context, engine)));
  const records = recordedContainers().flatMap((container) => readRecord(container) ?? []);
  return Promise.all(records.map((record) => look(context, record)));
}

async function takeUp(context: RuntimeContext, engine: EngineName): Promise<void> {
  const mine = recordsOf(engine);
  if (!mayAsk(context, engine, mine)) return;
  try {
    const found = await ask(context, engine);
    if (!found) return;
    const { gone, added, useless } = reconcile(mine, found);
    for (const { container } of gone) deleteRecord(container);
    for (const record of added) writeRecord(record);
    for (const copy of useless) await removeUseless(context, engine, copy);
  } catch (error) {
    context.log.warn(`the copies that ${engine} has here were not listed: ${(error as Error).message}`);
  }
}

export function recordsOf(engine: EngineName): CopyRecord[] {
  const records = recordedContainers().flatMap((container) => readRecord(container) ?? []);
  return records.filter((record) => record.engine === engine);
}

/** A docker daemon that nobody uses stays asleep. */
function mayAsk(context: RuntimeContext, engine: EngineName, mine: CopyRecord[]): boolean {
  if (isBusy(context, mine)) return false;
  return engine === "podman" || mine.length > 0 || existsSync("/run/docker.pid");
}

/** Podman's commands hang while one of its containers is held. */
export function isBusy(context: RuntimeContext, mine: CopyRecord[]): boolean {
  return mine.some(({ container }) => isHeld(container) || context.jobs.of(container) !== undefined);
}

/** What is to become of the records, and of copies that the engine has and that nothing can be done with. */
export function reconcile(
  mine: CopyRecord[],
  found: Listed,
): { gone: CopyRecord[]; added: CopyRecord[]; useless: Listed["unusable"] } {
  const isKnown = (id: string) => mine.some((record) => record.id === id);
  return {
    gone: mine.filter(({ id }) => !found.ids.includes(id)),
    added: found.records.filter(({ id }) => !isKnown(id)),
    // What has a record was made when more was known of it.
    useless: found.unusable.filter(({ id }) => !isKnown(id)),
  };
}

/** safety: nothing of ours runs on that no record tells of; that it ends needs no engine. */
async function removeUseless(
  context: RuntimeContext,
  engine: EngineName,
  { container, id, fault }: Listed["unusable"][number],
): Promise<void> {
  const cgroup = cgroupOf(engine, id);
  if (cgroup) writeCgroup(cgroup, "cgroup.kill", "1");
  context.log.warn(`${container}: a copy here that cannot be protected is removed: ${fault}`);
  await context.engines[engine]
    .remove(id)
    .catch((error: Error) => context.log.warn(`${container}: it was not removed: ${error.message}`));
}

async function look(context: RuntimeContext, record: CopyRecord): Promise<CopyInfo> {
  const { container } = record;
  try {
    if (isLiving(stateOf(context, record)))
      context.exits.watch(container, cgroupOf(record.engine, record.id));
    return await inspect(context, container);
  } catch (error) {
    const detail = `cannot be looked at: ${(error as Error).message}`;
    context.log.warn(`${container}: its copy here ${detail}`);
    const mac = parkedMac(context.group, container, context.host);
    return { container, state: "exited", pid: null, mac, detail };
  }
}

/** Null: the engine is not installed. */
async function ask(context: RuntimeContext, engine: EngineName): Promise<Listed | null> {
  try {
    return await context.engines[engine].list(context.group);
  } catch (error) {
    if (error instanceof CommandError && error.code === 127) return null;
    throw error;
  }
}
