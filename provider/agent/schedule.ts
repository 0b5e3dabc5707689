import { Cron } from "croner";
import { cronFault, defaultSchedule, type Schedule } from "../contract";
import type { ContainerView } from "./view";

/** What a container is checkpointed by. */
export function scheduleOf(container: ContainerView): Pick<Schedule, "intervalMs" | "cron"> {
  return container.schedule?.value ?? defaultSchedule;
}

/**
 * When the next checkpoint is due after one that ended at `after`, ms of wall time. Infinity: never. Where the cron
 * expression is none, the default interval stands in for it.
 */
export function nextDue({ cron, intervalMs }: Pick<Schedule, "intervalMs" | "cron">, after: number): number {
  if (!cron || cronFault(cron) !== null) return after + (intervalMs ?? defaultSchedule.intervalMs);
  if (!Number.isFinite(after)) return after;
  return new Cron(cron, { timezone: "UTC" }).nextRun(new Date(after))?.getTime() ?? Number.POSITIVE_INFINITY;
}

/** Why it is not checkpointed as declared, one sentence; null: it is. */
export function scheduleFault(container: ContainerView): string | null {
  const cron = container.schedule?.value.cron;
  const fault = cron ? cronFault(cron) : null;
  if (fault === null) return null;
  return `the cron expression ${JSON.stringify(cron)} of its schedule cannot be read (${fault}): it is checkpointed every ${defaultSchedule.intervalMs / 1000} s until the schedule is declared anew`;
}

/**
 * What the checkpoint that made it and the one that is due may take, a minute each, and the clocks of two hosts may
 * differ, before anybody is told.
 */
const PATIENCE_MS = 120_000;

/**
 * Why the newest generation is older than it may be, one sentence: two in a row did not come about. Null: it is not.
 * Its age counts from its freeze; the schedule's interval from the end of a checkpoint. By wall time, for people alone.
 */
export function overdue(container: ContainerView, wall: string): string | null {
  const generation = container.generation?.value;
  if (!generation) return null;
  const schedule = scheduleOf(container);
  const taken = Date.parse(generation.at);
  const now = Date.parse(wall);
  if (now < nextDue(schedule, nextDue(schedule, taken)) + PATIENCE_MS) return null;
  const age = Math.round((now - taken) / 1000);
  return `its newest generation is ${age} s old, and a crash would lose the work since; the last ones its schedule asks for did not come about`;
}
