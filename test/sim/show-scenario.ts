import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readScenario, runScenario, scenarioNamed, scenarios } from "../scenarios/run";

/** Runs one scenario and prints its log, each line that is not as expected marked; 0 when there is none. */
export async function showScenario(given: string, { write }: { write: boolean }): Promise<number> {
  const name = scenarioNamed(given);
  const { intent, expected } = readScenario(name);
  const log = await runScenario(name);
  if (write) writeFileSync(join(scenarios, name, "expected.log"), log);
  const wanted = (write ? log : expected).split("\n");
  const lines = log.split("\n");
  const shown = lines.map((line, index) =>
    line === wanted[index] ? `  ${line}` : `! ${line}\n  expected: ${wanted[index] ?? "nothing more"}`,
  );
  const missing = wanted.slice(lines.length).map((line) => `! missing: ${line}`);
  process.stdout.write(`${name}\n${intent}\n${[...shown, ...missing].join("\n")}\n`);
  return log === expected || write ? 0 : 1;
}
