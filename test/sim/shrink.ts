import type { Schedule } from "./schedule";
import type { Tamper } from "./tamper";
import { type Outcome, runTrial } from "./trial";

type Failure = Outcome & { violation: NonNullable<Outcome["violation"]> };

/** So many runs are spent on making it shorter. */
const MOST_RUNS = 150;

/**
 * The shortest schedule found that breaks the same: first nothing after the violation, then every group of events left
 * out that is not needed. Leaving one out changes what chance does afterwards, so this finds a short one, not the
 * shortest of all.
 */
export async function shrink(
  schedule: Schedule,
  failure: Failure,
  tamper: Partial<Tamper> = {},
): Promise<{ schedule: Schedule; failure: Failure }> {
  let shortest = { schedule: cutAt(schedule, failure.violation.atMs), failure };
  let runs = 0;
  const fails = async (happenings: Schedule["happenings"]) => {
    runs += 1;
    const candidate = { ...schedule, happenings };
    const outcome = await runTrial(candidate, tamper);
    if (!outcome.violation || kindOf(outcome as Failure) !== kindOf(failure)) return false;
    const shorter = outcome as Failure;
    shortest = { schedule: cutAt(candidate, shorter.violation.atMs), failure: shorter };
    return true;
  };
  for (
    let size = Math.ceil(shortest.schedule.happenings.length / 2);
    size >= 1;
    size = Math.floor(size / 2)
  ) {
    for (let from = 0; from < shortest.schedule.happenings.length && runs < MOST_RUNS; ) {
      const { happenings } = shortest.schedule;
      const less = [...happenings.slice(0, from), ...happenings.slice(from + size)];
      if (!(await fails(less))) from += size;
    }
  }
  return shortest;
}

/** `I1` of a sentence such as `seed 7: I1: db is answered by a and b`. */
function kindOf({ violation }: Failure): string {
  return /I\d/.exec(violation.sentence)?.[0] ?? "other";
}

function cutAt(schedule: Schedule, atMs: number): Schedule {
  return { ...schedule, happenings: schedule.happenings.filter(({ at }) => at <= atMs) };
}
