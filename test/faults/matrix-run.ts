import { keepJournals } from "./journals";
import type { PlannedRun } from "./plan";
import { faultsOf, nameOf, type RunResult } from "./report";
import { runFaults } from "./run";
import type { Fault } from "./scene";
import { openStage, type Stage } from "./stage";

/** Longer than all that a run waits for, one after the other. */
export const RUN_LIMIT_MS = 5 * 60_000;
const JOURNAL_LINES = 2000;

/**
 * Carries the runs out on one set of hosts, which is made anew after a run that did not converge. No run begins after
 * `budgetMs`, counted from when the hosts were ready first.
 */
export async function carryOut(
  runs: PlannedRun[],
  { progress, budgetMs = Number.POSITIVE_INFINITY }: { progress: (line: string) => void; budgetMs?: number },
): Promise<RunResult[]> {
  const results: RunResult[] = [];
  let stage: Stage | null = null;
  let readyAt: number | null = null;
  try {
    for (const { faults, pausesMs } of runs) {
      stage ??= await openStage(progress);
      readyAt ??= performance.now();
      if (performance.now() - readyAt > budgetMs) break;
      const result = await limited(runFaults(stage, faults, pausesMs)).catch((error: Error) =>
        brokenOff(faults, error.message),
      );
      results.push(result);
      const why = faultsOf(result);
      const verdict = why.length > 0 ? why.join("; ") : `gap ${Math.round(result.gapMs)} ms`;
      progress(
        `${results.length} of ${runs.length}: ${nameOf(result)}: ${verdict} (${Math.round(result.seconds)} s)`,
      );
      for (const what of result.notInjected) progress(`  not injected: ${what}`);
      if (why.length > 0)
        progress(
          `  journals: ${await keepJournals(stage.lab, { run: nameOf(result), lines: JOURNAL_LINES })}`,
        );
      if (result.notConverged !== null) {
        await stage.end();
        stage = null;
      }
    }
  } finally {
    await stage?.end();
  }
  return results;
}

/** What waits for a host that hangs may not come back at all. */
function limited<T>(run: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    const sentence = `it was not over after ${RUN_LIMIT_MS / 60_000} minutes`;
    timer = setTimeout(() => reject(new Error(sentence)), RUN_LIMIT_MS);
  });
  return Promise.race([run, limit]).finally(() => clearTimeout(timer));
}

/** The group was not ready for the faults, as what came before has left it broken; or the run did not end. */
function brokenOff(faults: Fault[], why: string): RunResult {
  return {
    faults: faults.map(({ name }) => name),
    findings: [],
    notConverged: why,
    notInjected: [],
    gapMs: 0,
    answers: 0,
    newEpochs: 0,
    seconds: 0,
  };
}
