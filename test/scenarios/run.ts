import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { parseJson, timingOf } from "../../provider/contract";
import { specOf } from "../sim/group";
import { happening, msOf } from "../sim/vocabulary";
import { createWorld, type World } from "../sim/world";

/** What a scenario begins with, and what happens then. */
const scenarioSchema = z.strictObject({
  hosts: z.array(z.string()).default(["a", "b", "c"]),
  timing: z.enum(["fast", "default"]).default("default"),
  /** Fields of their specifications; each runs and is protected before the first event. */
  containers: z.array(z.record(z.string(), z.unknown())),
  /** In the words of test/sim/vocabulary.ts, and `delay MS`. */
  events: z.array(z.string()),
});

export const scenarios = resolve(__dirname, "..", "..", "..", "test", "scenarios");

export function scenarioNames(): string[] {
  return readdirSync(scenarios, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** The folder of a scenario by its name, its number, or the beginning of either. */
export function scenarioNamed(name: string): string {
  const found = scenarioNames().find((one) => one.startsWith(name) || one.slice(4).startsWith(name));
  if (!found) throw new Error(`no scenario ${name}; there are ${scenarioNames().join(", ")}`);
  return found;
}

export function readScenario(name: string) {
  const folder = join(scenarios, name);
  const expected = join(folder, "expected.log");
  return {
    intent: readFileSync(join(folder, "README.md"), "utf8"),
    scenario: parseJson(
      scenarioSchema,
      readFileSync(join(folder, "scenario.json"), "utf8"),
      `${name}/scenario.json`,
    ),
    expected: existsSync(expected) ? readFileSync(expected, "utf8") : "",
  };
}

/** What happens in a scenario, line by line: each event, and what the hosts say and do then. */
export async function runScenario(name: string): Promise<string> {
  const { scenario } = readScenario(name);
  const world = await createWorld({ hosts: scenario.hosts, timing: timingOf(scenario.timing, false) });
  const firsts = firstEpochs(world);
  try {
    const specs = scenario.containers.map((fields) => specOf(fields as Parameters<typeof specOf>[0]));
    for (const spec of specs) await world.protect(spec);
    await world.run(3000);
    const from = world.story.length;
    for (const event of scenario.events) await play(world, event);
    for (let more = 0; more < 20 && isBetween(world); more++) await world.run(50);
    const lines = world.story.slice(from).flatMap(lineOf);
    const told = [...inOrder(lines), ...endOf(world)];
    return `${told.map((line) => plain(line, firsts)).join("\n")}\n`;
  } finally {
    world.end();
  }
}

async function play(world: World, event: string): Promise<void> {
  if (event.startsWith("delay ")) await world.run(msOf(event.slice("delay ".length)));
  else happening(event)(world);
}

/** Kinds of lines that are there for who debugs the simulator. */
const chatter = ["agent", "lease", "CUT", "HEAL", "POWER ON", "POWER OFF", "KILL", "CRASH"];

/** What follows from every repair, each time in another order. */
const quiet = /^(timing: |store: the store answers|suspicion: .* not suspected any more)/;

function lineOf(line: string): string[] {
  const [, host, kind, sentence] = /^[\d.]+ (\S+) ([^:]+): (.*)$/s.exec(line) ?? [];
  if (kind === "EVENT") return [`> ${sentence}`];
  if (kind && quiet.test(`${kind}: ${sentence}`)) return [];
  // What an agent tells by the kind `lease` is an event; what a process logs has its program as its kind.
  if (!sentence || !kind || (chatter.includes(kind) && !isEvent(kind, sentence))) return [];
  return [`${host} ${kind}: ${sentence}`];
}

function isEvent(kind: string, sentence: string): boolean {
  return kind === "lease" && sentence.startsWith("the lease ");
}

/** Which of two hosts hears first of what both hear is chance. */
function inOrder(lines: string[]): string[] {
  const told: string[] = [];
  let alike: string[] = [];
  for (const line of [...lines, ""]) {
    if (/^\S+ (suspicion|session|store): /.test(line)) {
      alike.push(line);
      continue;
    }
    told.push(...alike.sort(), line);
    alike = [];
  }
  return told.slice(0, -1);
}

/** A dump stops a container for a moment, which says nothing. */
function isBetween(world: World): boolean {
  return [...world.view().containers].some(
    ([name, { owner }]) => owner?.value.phase === "RUNNING" && world.answering(name).length === 0,
  );
}

/** How it stands at the end. */
function endOf(world: World): string[] {
  const view = world.view();
  return [...view.containers].sort().map(([name, { owner, standbys, generation }]) => {
    if (!owner) return `= ${name} has no owner`;
    const { host, epoch, phase } = owner.value;
    const answering = world.answering(name);
    const who = answering.length > 0 ? `answers on ${answering.join(" and ")}` : "answers nowhere";
    const held = generation ? `generation on ${generation.value.holders.join(", ")}` : "no generation";
    return `= ${name} ${who}; ${phase} on ${host} at epoch ${epoch}; standbys ${standbys?.value.hosts.join(", ") || "none"}; ${held}`;
  });
}

/** Without what may differ from one version to the next: times, sizes, hashes; epochs count from the first. */
function plain(line: string, firsts: Map<string, number>): string {
  const name = [...firsts.keys()].find((container) => new RegExp(`\\b${container}\\b`).test(line));
  const first = firsts.get(name ?? "") ?? 1;
  const counted = (epoch: string) => `${Number(epoch) - first + 1}`;
  return line
    .replace(/\b\d+ ms\b/g, "N ms")
    .replace(/\b[0-9a-f]{64}\b/g, "HASH")
    .replace(/\b(\d+)-(\d+)\b/g, (whole, epoch, gen) =>
      Number(epoch) >= first ? `${counted(epoch)}-${gen}` : whole,
    )
    .replace(/\bepoch("?:| )(\d+)/g, (_, sign, epoch) => `epoch${sign}${counted(epoch)}`);
}

/** The first epoch of each container: a revision of the store, which depends on how much was written before. */
function firstEpochs({ records }: World): Map<string, number> {
  const firsts = new Map<string, number>();
  records.onChange(({ key, after }) => {
    const container = /\/ct\/([^/]+)\/owner$/.exec(key)?.[1];
    if (container && after && !firsts.has(container)) firsts.set(container, JSON.parse(after.value).epoch);
  });
  return firsts;
}
