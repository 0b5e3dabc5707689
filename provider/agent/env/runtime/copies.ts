import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { parkedMac } from "../../../contract";
import type { CopyInfo, CopyState } from "../../env";
import { cgroupOf, processesIn, readEvents } from "./cgroup";
import type { RuntimeContext } from "./context";
import { heldPid, isHeld, isTraced } from "./held";
import { placesOf } from "./places";
import { readIfThere } from "./read-if-there";
import { type CopyRecord, readRecord } from "./record";

/** How the copy is doing, from files and the kernel alone: it works while the engine is busy or waits. */
export function stateOf(context: RuntimeContext, record: CopyRecord): CopyState {
  const places = placesOf(record.container);
  const cgroup = cgroupOf(record.engine, record.id);
  const isWired = existsSync(places.mac);
  const isBegun = context.jobs.of(record.container) !== undefined;
  return copyState({
    events: cgroup ? readEvents(cgroup) : null,
    held: isHeld(record.container),
    prepared: existsSync(places.prepared),
    begins: isBegun && !isWired,
    unfinished: !isBegun && !isWired,
    warm: context.freezer.reasons(record.container).includes("warm"),
    traced: cgroup !== null && !context.dumping.has(record.container) && hasTraced(cgroup),
  });
}

export function copyState(seen: {
  events: { populated: boolean; frozen: boolean } | null;
  held: boolean;
  prepared: boolean;
  /** The engine starts or restores it, and it has not begun to run. */
  begins: boolean;
  /** Processes that it has were begun by an agent that ended before it knew them to be the container's. */
  unfinished: boolean;
  /** A reason to keep it frozen is that it waits for a failover. */
  warm: boolean;
  /** Another program keeps one of its processes in a ptrace stop. */
  traced: boolean;
}): CopyState {
  if (seen.begins) return "prepared";
  if (!seen.events?.populated) return seen.prepared ? "prepared" : "exited";
  if (seen.held) return "held";
  // safety: CRIU may be all that is in its cgroup.
  if (seen.unfinished) return "exited";
  if (seen.events.frozen) return seen.warm ? "warm" : "frozen";
  return seen.traced ? "traced" : "running";
}

function hasTraced(cgroup: string): boolean {
  return processesIn(cgroup).some(isTraced);
}

export async function inspect(context: RuntimeContext, container: string): Promise<CopyInfo> {
  const record = readRecord(container);
  if (!record) return { container, state: "absent", pid: null, mac: null, detail: null };
  const state = stateOf(context, record);
  const lives = isLiving(state);
  return {
    container,
    state,
    pid: lives ? pidOf(context, record) : null,
    mac: (lives && currentMac(container)) || parkedMac(context.group, container, context.host),
    detail: state === "exited" ? await exitDetail(context, record) : null,
  };
}

/** It has processes. */
export function isLiving(state: CopyState): boolean {
  return state !== "absent" && state !== "prepared" && state !== "exited";
}

/** How the last end of each copy came about, by its id: what its engine says, or is still asked for. */
const details = new WeakMap<RuntimeContext, Map<string, Promise<string | null>>>();
/** That it has ended is known from the kernel; how, which its engine knows, is waited for no longer. */
const DETAIL_MS = 100;

async function exitDetail(context: RuntimeContext, record: CopyRecord): Promise<string | null> {
  const { container, engine, id } = record;
  const known = details.get(context) ?? new Map<string, Promise<string | null>>();
  details.set(context, known);
  const cgroup = cgroupOf(engine, id);
  if (cgroup && readEvents(cgroup)?.populated) return "was not begun to its end";
  let detail = known.get(id);
  if (!detail && !context.jobs.of(container)) {
    detail = context.engines[engine].exitDetail(record).catch(() => null);
    known.set(id, detail);
    const asked = detail;
    // Asked again, where it does not know it yet.
    void asked.then((said) => said === null && known.get(id) === asked && known.delete(id));
  }
  return detail ? Promise.race([detail, later(DETAIL_MS)]) : null;
}

function later(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(resolve, ms, null));
}

/** The next end of this copy will be another one. */
export function forgetExit(context: RuntimeContext, id: string): void {
  details.get(context)?.delete(id);
}

/** The init process on the host: of a held copy by CRIU's word, else by runc's. Null: there is none. */
export function pidOf(context: RuntimeContext, record: CopyRecord): number | null {
  const held = heldPid(record.container);
  if (held !== null && belongsTo(held, record.id)) return held;
  return runcState(context, record)?.pid ?? null;
}

const runcStateSchema = z.object({ init_process_pid: z.int() });

/** The root below which runc knows this container, and its init process. */
export function runcState(context: RuntimeContext, record: CopyRecord): { root: string; pid: number } | null {
  for (const root of context.engines[record.engine].runcRoots) {
    const pid = initOf(readIfThere(join(root, record.id, "state.json")) ?? "");
    if (pid > 1 && belongsTo(pid, record.id)) return { root, pid };
  }
  return null;
}

/** The init process by runc's word; 0: it says nothing that can be read. */
export function initOf(state: string): number {
  try {
    return runcStateSchema.parse(JSON.parse(state)).init_process_pid;
  } catch {
    return 0;
  }
}

/** safety: a number that was given to another process since must never be entered, traced or given a MAC. */
function belongsTo(pid: number, id: string): boolean {
  try {
    return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1]?.includes(id) ?? false;
  } catch {
    return false;
  }
}

export function needRecord(container: string): CopyRecord {
  const record = readRecord(container);
  if (!record) throw new Error(`no copy of ${container} is on this host`);
  return record;
}

/** The process whose namespaces are the container's; throws when nothing runs. */
export function needPid(context: RuntimeContext, record: CopyRecord): number {
  const pid = pidOf(context, record);
  if (pid === null) throw new Error(`no process of ${record.container} is on this host`);
  return pid;
}

export function currentMac(container: string): string | null {
  return readIfThere(placesOf(container).mac)?.trim() ?? null;
}

export function noteMac(container: string, mac: string): void {
  writeFileSync(placesOf(container).mac, mac);
}
