import { parseArgs } from "node:util";

export interface BenchOptions {
  bench: "failover" | "crash" | "handover" | "footprint" | "scale" | "releases";
  runs: number;
  engine: "podman" | "docker";
  /** Memory that Redis is filled to, MB. */
  memoryMb: number;
  standby: "cold" | "warm";
  /** How many small ones are declared at once. */
  containers: number;
  json: boolean;
}

const names = ["failover", "crash", "handover", "footprint", "scale", "releases"];

export const usage = `usage: npm run bench -- failover [--runs N] [--engine podman|docker] [--memory MB] [--standby cold|warm] [--json]
       npm run bench -- crash [--runs N] [--engine podman|docker] [--memory MB] [--json]
       npm run bench -- handover [--runs N] [--engine podman|docker] [--memory MB] [--json]
       npm run bench -- footprint [--json]
       npm run bench -- scale [--containers N] [--json]
       npm run bench -- releases [--runs N] [--json]`;

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
        standby: { type: "string", default: "cold" },
        containers: { type: "string", default: "30" },
        json: { type: "boolean", default: false },
      },
    });
    const [bench] = positionals;
    const runs = Number(values.runs);
    const memoryMb = Number(values.memory);
    const isKnown = (word?: string): word is BenchOptions["bench"] =>
      word !== undefined && names.includes(word);
    if (!isKnown(bench)) return null;
    if (values.engine !== "podman" && values.engine !== "docker") return null;
    if (values.standby !== "cold" && values.standby !== "warm") return null;
    const containers = Number(values.containers);
    if ([runs, memoryMb, containers].some((count) => !Number.isInteger(count) || count < 1)) return null;
    // A lab's network leaves so many addresses to virtual IPs.
    if (containers > 100) return null;
    const { engine, standby, json } = values;
    return { bench, runs, memoryMb, engine, standby, containers, json };
  } catch {
    return null;
  }
}
