import assert from "node:assert/strict";
import type { PulumiRun } from "./pulumi";

/** The run, where it succeeded; else a failure that shows what the CLI said. */
export function succeeded(run: PulumiRun): PulumiRun {
  assert.equal(run.code, 0, run.output);
  return run;
}

/** What the CLI said of a run that has to fail. */
export function refused(run: PulumiRun): string {
  assert.notEqual(run.code, 0, `expected a failure:\n${run.output}`);
  return run.output;
}

/** Resources that a run changed, or a preview would change, by verb; none: `{}`. */
export function changed({ summary }: PulumiRun): Record<string, number> {
  return Object.fromEntries(Object.entries(summary).filter(([verb]) => verb !== "same"));
}
