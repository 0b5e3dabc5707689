import { crashBench } from "./crash";
import { failoverBench } from "./failover";
import { footprintBench } from "./footprint";
import { handoverBench } from "./handover";
import { type BenchOptions, readOptions, usage } from "./options";
import { releasesBench } from "./releases";
import { scaleBench } from "./scale";

type Bench = (options: BenchOptions, progress: (line: string) => void) => Promise<object>;

const benches: Record<BenchOptions["bench"], Bench> = {
  failover: failoverBench,
  crash: crashBench,
  handover: handoverBench,
  footprint: (_, progress) => footprintBench(progress),
  scale: scaleBench,
  releases: releasesBench,
};

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  const result = await benches[options.bench](options, progress);
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
