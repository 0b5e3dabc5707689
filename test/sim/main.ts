import { parseArgs } from "node:util";
import { huntAll } from "./mutants/hunt-all";
import { explain } from "./report";
import { scheduleOf } from "./schedule";
import { searchSeeds } from "./search";
import { showScenario } from "./show-scenario";
import type { Outcome } from "./trial";

const usage = `usage: npm run sim -- [--seeds N] [--seed S] [--mutants] [--scenario NAME [--write]] [--json]

Runs the real agent and lease code of a group of hosts on virtual time, under random faults, and checks after every
event that nothing is broken that must hold. Needs neither root nor hosts.

  --seeds N      seeds 1 to N (200 by default)
  --seed S       this one; where it fails, the shortest run that fails alike, with everything that happened
  --mutants      gets the protocol wrong in every way that is known, and tells whether the simulator finds it
  --scenario X   one of test/scenarios by its name or number, and how its log differs from what is expected
  --write        takes that log as what is expected
  --json         one line for programs`;

const DEFAULT_SEEDS = 200;
const PROGRESS_MS = 2000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      seed: { type: "string" },
      mutants: { type: "boolean" },
      scenario: { type: "string" },
      write: { type: "boolean" },
      json: { type: "boolean" },
    },
  });
  if (values.scenario) return showScenario(values.scenario, { write: values.write ?? false });
  if (values.mutants) return huntAll(values.json ?? false);
  const seeds = values.seed
    ? [numberOf(values.seed)]
    : Array.from({ length: numberOf(values.seeds ?? `${DEFAULT_SEEDS}`) }, (_, index) => index + 1);
  return search(seeds, values.json ?? false);
}

async function search(seeds: number[], json: boolean): Promise<number> {
  const outcomes: Outcome[] = [];
  const startedAt = performance.now();
  let toldAt = startedAt;
  await searchSeeds(seeds, (outcome) => {
    outcomes.push(outcome);
    const now = performance.now();
    if (now - toldAt < PROGRESS_MS) return;
    toldAt = now;
    process.stderr.write(
      `${outcomes.length} of ${seeds.length} seeds, ${brokenIn(outcomes).length} broken\n`,
    );
  });
  const broken = brokenIn(outcomes).sort((one, other) => one.seed - other.seed);
  const sum = (key: "virtualMs" | "takeovers" | "handovers" | "checkpoints") =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const result = {
    seeds: outcomes.length,
    virtualSeconds: Math.round(sum("virtualMs") / 1000),
    takeovers: sum("takeovers"),
    handovers: sum("handovers"),
    violations: broken.length,
  };
  if (json) process.stdout.write(`${JSON.stringify({ ...result, failing: failing(broken) })}\n`);
  else sayResult(result, sum("checkpoints"), performance.now() - startedAt);
  const first = broken[0];
  if (first) process.stderr.write(`${await explain(scheduleOf(first.seed), first)}\n`);
  return broken.length === 0 ? 0 : 1;
}

function brokenIn(outcomes: Outcome[]): Outcome[] {
  return outcomes.filter(({ violation }) => violation !== null);
}

function failing(broken: Outcome[]) {
  return broken.map(({ seed, violation }) => ({ seed, violation: violation!.sentence }));
}

function sayResult(
  result: { seeds: number; virtualSeconds: number; takeovers: number; handovers: number; violations: number },
  checkpoints: number,
  wallMs: number,
): void {
  const hours = (result.virtualSeconds / 3600).toFixed(1);
  const rows = [
    ["seeds", result.seeds],
    ["virtual time", `${hours} h in ${(wallMs / 1000).toFixed(0)} s`],
    ["takeovers", result.takeovers],
    ["handovers", result.handovers],
    ["committed generations", checkpoints],
    ["violations", result.violations],
  ];
  const table = rows.map(([what, value]) => `  ${String(what).padEnd(24)}${value}`).join("\n");
  const verdict =
    result.violations === 0
      ? "At no instant did two hosts answer, and nothing that was acknowledged was lost."
      : "Something was broken that must hold:";
  process.stdout.write(`${table}\n${verdict}\n`);
}

function numberOf(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`expected a whole number above 0, got ${text}`);
  return number;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exit(2);
  },
);
