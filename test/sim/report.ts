import type { Schedule } from "./schedule";
import { shrink } from "./shrink";
import type { Outcome } from "./trial";

const STORY_LINES = 80;

/** What somebody needs who wants to understand and repeat a failure. */
export async function explain(schedule: Schedule, outcome: Outcome): Promise<string> {
  const violation = outcome.violation!;
  const shortest = await shrink(schedule, { ...outcome, violation });
  const { hosts, rates, timing, durations, happenings } = shortest.schedule;
  const clocks = hosts.map((host) => `${host} ${rates[host]!.toFixed(4)}`).join(", ");
  const { sentence, story } = shortest.failure.violation;
  return [
    `\nSeed ${schedule.seed}: ${violation.sentence}`,
    `\nThe shortest run found that fails alike (${happenings.length} of ${schedule.happenings.length} events): ${sentence}`,
    `  hosts and how fast their clocks run: ${clocks}`,
    `  L ${timing.leaseMs} ms, W ${timing.fenceMs} ms; a restore takes ${durations.restore} ms`,
    ...happenings.map(({ at, text }) => `  ${(at / 1000).toFixed(3)} s  ${text}`),
    "\nWhat happened, in seconds of virtual time:",
    ...story.slice(-STORY_LINES).map((line) => `  ${line}`),
    `\nAgain: npm run sim -- --seed ${schedule.seed}`,
    "As a regression: one line in test/sim/regressions.ts.",
  ].join("\n");
}
