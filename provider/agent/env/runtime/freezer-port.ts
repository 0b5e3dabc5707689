import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupOf, readEvents, writeCgroup } from "./cgroup";
import type { FreezerPort } from "./freezer";
import { isHeld } from "./held";
import type { Jobs } from "./jobs";
import { placesOf } from "./places";
import { readRecord } from "./record";
import { until } from "./wait";

const FREEZE_TIMEOUT_MS = 10_000;

/** The kernel's side of the freezer. A reason is a file: a restarted agent knows why a container is frozen. */
export function freezerPort(jobs: Jobs): FreezerPort {
  return {
    exists: (container) => jobs.of(container) !== undefined || isPopulated(container),
    isLent: isHeld,
    reasons(container) {
      const folder = placesOf(container).freeze;
      return existsSync(folder) ? readdirSync(folder) : [];
    },
    note(container, reason) {
      const folder = placesOf(container).freeze;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(join(folder, reason), "");
    },
    drop: (container, reason) => rmSync(join(placesOf(container).freeze, reason), { force: true }),
    forget: (container) => rmSync(placesOf(container).freeze, { recursive: true, force: true }),
    write(container, frozen) {
      const cgroup = cgroupIn(container);
      return cgroup !== null && writeCgroup(cgroup, "cgroup.freeze", frozen ? "1" : "0");
    },
    isSo(container, frozen) {
      const events = eventsOf(container);
      return !events?.populated || events.frozen === frozen;
    },
    until: (condition, what) => until(condition, { what, timeoutMs: FREEZE_TIMEOUT_MS }),
  };
}

function cgroupIn(container: string): string | null {
  const record = readRecord(container);
  return record && cgroupOf(record.engine, record.id);
}

function eventsOf(container: string) {
  const cgroup = cgroupIn(container);
  return cgroup === null ? null : readEvents(cgroup);
}

function isPopulated(container: string): boolean {
  return eventsOf(container)?.populated ?? false;
}
