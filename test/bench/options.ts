import { parseArgs } from "node:util";

export interface BenchOptions {
  bench: "failover" | "footprint";
  runs: number;
  engine: "podman" | "docker";
  /** Memory that Redis is filled to, MB. */
  memoryMb: number;
  json: boolean;
}

export const usage = `usage: npm run bench -- failover [--runs N] [--engine podman|docker] [--memory MB] [--json]
       npm run bench -- footprint [--json]`;

/** Null where the words are not a benchmark. */
export function readOptions(args: string[]): BenchOptions | null {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        runs: { type: "string", default: "10" },
        engine: { type: "string", default: "podman" },
        memory: { type: "string", default: "64" },
        json: { type: "boolean", default: false },
      },
    });
    const [bench] = positionals;
    const runs = Number(values.runs);
    const memoryMb = Number(values.memory);
    if (bench !== "failover" && bench !== "footprint") return null;
    if (values.engine !== "podman" && values.engine !== "docker") return null;
    if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(memoryMb) || memoryMb < 1) return null;
    return { bench, runs, memoryMb, engine: values.engine, json: values.json };
  } catch {
    return null;
  }
}
