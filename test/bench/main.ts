import { failoverBench } from "./failover";
import { footprintBench } from "./footprint";
import { readOptions, usage } from "./options";

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  const result =
    options.bench === "failover" ? await failoverBench(options, progress) : await footprintBench(progress);
  process.stdout.write(`${options.json ? JSON.stringify(result) : JSON.stringify(result, null, 2)}\n`);
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`The benchmark stopped: ${error.message}\n`);
    process.exit(1);
  },
);
