import { notCovered } from "./matrix";
import { carryOut } from "./matrix-run";
import { readOptions, usage } from "./options";
import { planRuns } from "./plan";
import { summarise, tableOf } from "./report";

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  const runs = planRuns(options);
  progress(`${runs.length} runs by seed ${options.seed}`);
  const result = summarise(await carryOut(runs, { progress }), { seed: options.seed, notCovered });
  process.stdout.write(`${options.json ? JSON.stringify(result) : tableOf(result)}\n`);
  return result.failures.length === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`The fault matrix stopped: ${error.message}\n`);
    process.exit(1);
  },
);
