import type { Finding } from "./judge";

export interface RunResult {
  faults: string[];
  findings: Finding[];
  /** What did not come, one sentence; null: it converged. */
  notConverged: string | null;
  /** Faults of a sequence that had nothing left to be injected into. */
  notInjected: string[];
  /** Longest time without an answer that a client saw, ms. */
  gapMs: number;
  /** Packets from the address that were judged. */
  answers: number;
  /** New beginnings: failovers and restores on the same host. */
  newEpochs: number;
  seconds: number;
}

export interface FaultCounts {
  runs: number;
  overlaps: number;
  lostAcknowledged: number;
  notConverged: number;
  rollbackFailures: number;
  answers: number;
  newEpochs: number;
  longestGapMs: number;
}

export interface MatrixResult {
  seed: number;
  runs: number;
  overlaps: number;
  lostAcknowledged: number;
  notConverged: number;
  rollbackFailures: number;
  byFault: Record<string, FaultCounts>;
  failures: { run: string; repeat: string; why: string[] }[];
  notCovered: { fault: string; because: string }[];
}

/** What went wrong in a run, as sentences. */
export function faultsOf({ findings, notConverged }: RunResult): string[] {
  const sentences = findings.map(({ kind, sentence }) => `${kind}: ${sentence}`);
  return notConverged === null ? sentences : [...sentences, `not converged: ${notConverged}`];
}

export function summarise(
  results: RunResult[],
  { seed, notCovered }: Pick<MatrixResult, "seed" | "notCovered">,
): MatrixResult {
  const names = [...new Set(results.map(nameOf))];
  const byFault = Object.fromEntries(
    names.map((name) => [name, count(results.filter((result) => nameOf(result) === name))]),
  );
  const { runs, overlaps, lostAcknowledged, notConverged, rollbackFailures } = count(results);
  const failures = results
    .filter((result) => faultsOf(result).length > 0)
    .map((result) => ({
      run: nameOf(result),
      repeat: `npm run faults -- --only ${nameOf(result)} --seed ${seed}`,
      why: faultsOf(result),
    }));
  return {
    seed,
    runs,
    overlaps,
    lostAcknowledged,
    notConverged,
    rollbackFailures,
    byFault,
    failures,
    notCovered,
  };
}

/** `--only` takes it as it is. */
export function nameOf({ faults }: RunResult): string {
  return faults.join("+");
}

function count(results: RunResult[]): FaultCounts {
  const with_ = (kind: Finding["kind"]) =>
    results.filter(({ findings }) => findings.some((finding) => finding.kind === kind)).length;
  return {
    runs: results.length,
    overlaps: with_("overlap"),
    lostAcknowledged: with_("lost"),
    notConverged: results.filter(({ notConverged }) => notConverged !== null).length,
    rollbackFailures: results.filter(isFailedHandover).length,
    answers: results.reduce((sum, { answers }) => sum + answers, 0),
    newEpochs: results.reduce((sum, { newEpochs }) => sum + newEpochs, 0),
    longestGapMs: Math.max(0, ...results.map(({ gapMs }) => Math.round(gapMs))),
  };
}

/** A planned move after which nobody served, or only after help. */
function isFailedHandover({ faults, notConverged }: RunResult): boolean {
  return notConverged !== null && faults.some((fault) => fault.startsWith("handover-"));
}

/** For people. */
export function tableOf(result: MatrixResult): string {
  const head = ["fault", "runs", "overlaps", "lost", "not converged", "answers", "new epochs", "longest gap"];
  const rows = Object.entries(result.byFault).map(([name, counts]) => [
    name,
    counts.runs,
    counts.overlaps,
    counts.lostAcknowledged,
    counts.notConverged,
    counts.answers,
    counts.newEpochs,
    `${counts.longestGapMs} ms`,
  ]);
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const text = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join("  "));
  const failed = result.failures.map(
    ({ run, why, repeat }) => `${run}: ${why.join("; ")}\n  again: ${repeat}`,
  );
  const uncovered = result.notCovered.map(({ fault, because }) => `not covered: ${fault} (${because})`);
  const total = `${result.runs} runs, ${result.overlaps} overlaps, ${result.lostAcknowledged} lost acknowledged, ${result.notConverged} not converged, ${result.rollbackFailures} failed rollbacks; seed ${result.seed}`;
  return [...text, "", ...uncovered, ...failed, total].join("\n");
}
