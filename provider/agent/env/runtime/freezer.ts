import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FreezeReason } from "../../env";
import { cgroupOf, readEvents, writeCgroup } from "./cgroup";
import type { RuntimeContext } from "./context";
import { placesOf } from "./places";
import { type CopyRecord, readRecord } from "./record";
import { until } from "./wait";

const FREEZE_TIMEOUT_MS = 10_000;

/**
 * Reasons are files, so that a restarted agent knows why a container is frozen and never thaws one that lapsed.
 * Without a process there is nothing to freeze, and no reason is kept.
 */
export async function freeze(
  context: RuntimeContext,
  container: string,
  reason: FreezeReason,
): Promise<void> {
  const record = readRecord(container);
  if (!record || !(isPopulated(record) || context.jobs.of(container))) return;
  const { freeze: folder, held } = placesOf(container);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, reason), "");
  // CRIU works from within the container's cgroup and would freeze too: a held copy executes nothing, and its release
  // applies the reasons.
  if (existsSync(held)) return;
  await context.jobs.of(container)?.over;
  await applyReasons(record);
}

export async function thaw(container: string, reason: FreezeReason): Promise<void> {
  rmSync(join(placesOf(container).freeze, reason), { force: true });
  const record = readRecord(container);
  if (record && !existsSync(placesOf(container).held)) await applyReasons(record);
}

/** Frozen while a reason is left, thawed when none is. Resolves when the kernel says so. */
export async function applyReasons(record: CopyRecord): Promise<void> {
  const cgroup = cgroupOf(record.engine, record.id);
  if (!cgroup) return;
  const wanted = freezeReasons(record.container).length > 0;
  if (!writeCgroup(cgroup, "cgroup.freeze", wanted ? "1" : "0")) return;
  const isSo = () => {
    const events = readEvents(cgroup);
    return !events?.populated || events.frozen === wanted;
  };
  if (isSo()) return;
  await until(isSo, {
    what: `${record.container} is ${wanted ? "frozen" : "thawed"}`,
    timeoutMs: FREEZE_TIMEOUT_MS,
  });
}

export function freezeReasons(container: string): string[] {
  const folder = placesOf(container).freeze;
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** A new life begins without the reasons of the one before. */
export function forgetReasons(container: string): void {
  rmSync(placesOf(container).freeze, { recursive: true, force: true });
}

function isPopulated(record: CopyRecord): boolean {
  const cgroup = cgroupOf(record.engine, record.id);
  return cgroup !== null && (readEvents(cgroup)?.populated ?? false);
}
