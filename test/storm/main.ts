import { readOptions, usage } from "./options";
import { isBroken, textOf } from "./report";
import { runStorm } from "./run";

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const result = await runStorm(options, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : textOf(result));
  return isBroken(result) ? 1 : 0;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`The storm stopped: ${error.message}\n`);
    process.exit(1);
  },
);
