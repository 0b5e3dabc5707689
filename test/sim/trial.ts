import { keysOf } from "../../provider/contract";
import { GROUP, specOf } from "./group";
import { isProtected } from "./scenario";
import { type Schedule, scheduleOf } from "./schedule";
import type { Tamper } from "./tamper";
import { happening } from "./vocabulary";
import { createWorld, type World } from "./world";

export interface Outcome {
  seed: number;
  virtualMs: number;
  takeovers: number;
  handovers: number;
  checkpoints: number;
  /** What was broken and when, and what had happened; null: nothing. */
  violation: { sentence: string; atMs: number; story: string[] } | null;
}

/** After its last event everything is repaired, and has to be well again within this time (I7). */
const HEALED_MS = 25_000;
const LEAST_MS = 30_000;
const POWER_ON_MS = 1000;

/** Runs a schedule to its end, or to the first broken invariant. */
export async function runTrial(schedule: Schedule, tamper: Partial<Tamper> = {}): Promise<Outcome> {
  const { seed, hosts, rates, timing, durations, cutOffToo } = schedule;
  const world = await createWorld({ seed, hosts, rates, timing, durations, cutOffToo, tamper });
  // Clocks run as differently as W allows for; that agents then stop fencing would prove nothing about W.
  world.links.clocksTold = false;
  let beganAt = world.now();
  let violation: Outcome["violation"] = null;
  try {
    await protectAll(world, schedule);
    beganAt = world.now();
    await goThrough(world, schedule, beganAt);
    await becomeWell(world, schedule);
    await world.run(Math.max(0, LEAST_MS - world.now()));
  } catch (error) {
    const sentence = sentenceOf(error as Error);
    violation = { sentence, atMs: Math.round(world.now() - beganAt), story: [...world.story] };
  }
  const outcome = {
    seed,
    virtualMs: Math.round(world.now()),
    takeovers: world.invariants.takeovers,
    handovers: world.invariants.handovers,
    checkpoints: world.events("checkpoint").length,
    violation,
  };
  world.end();
  return outcome;
}

/** Runs a seed's schedule; an error tells the story where an invariant was broken. */
export async function runPassing(seed: number): Promise<Outcome> {
  const outcome = await runTrial(scheduleOf(seed));
  const { violation } = outcome;
  if (violation) throw new Error(`${violation.sentence}\n${violation.story.join("\n")}`);
  return outcome;
}

/** Its first line, with the invariant in front. */
function sentenceOf({ message }: Error): string {
  const line = message.split("\n")[0]!.replace(/^seed \d+: /, "");
  return line.replace(/^(waited \d+ ms in vain until) (I\d): /, "$2: $1 ");
}

async function protectAll(world: World, { containers, checkpointMs }: Schedule): Promise<void> {
  for (const change of containers) {
    const spec = specOf(change);
    await world.protect(spec);
    const schedule = { intervalMs: checkpointMs, retain: 1, stack: spec.stack };
    await world.ctl(world.hosts[0]!.name, { op: "set-schedule", name: spec.name, schedule });
  }
}

async function goThrough(world: World, { happenings }: Schedule, beganAt: number): Promise<void> {
  for (const { at, text } of happenings) {
    await world.run(Math.max(0, beganAt + at - world.now()));
    happening(text)(world);
  }
}

/** I7: what is healed runs again and is protected again, in time. */
async function becomeWell(world: World, { containers }: Schedule): Promise<void> {
  makeWell(world);
  declareAnew(world);
  for (const { name = "db" } of containers.map((change) => change ?? {}))
    await world.until(
      `I7: ${name} answers and is protected again`,
      () => isProtected(world, name),
      HEALED_MS,
    );
  await world.until("I7: every host is a live member again", () => isWhole(world), HEALED_MS);
  if (world.invariants.losses.length > 0) throw new Error(`I4: ${world.invariants.losses.join("; ")}`);
}

/** Every agent sees every host live. */
function isWhole({ hosts }: World): boolean {
  return hosts.every(
    ({ agent }) => agent?.ready && agent.agent.status().hosts.every(({ state }) => state === "live"),
  );
}

function makeWell(world: World): void {
  const { links } = world;
  world.heal();
  Object.assign(links, { storeUp: true, lostReplies: 0, lateReplies: 0, staleReads: 0, lateRequests: 0 });
  Object.assign(links, { delayMs: 0, loss: 0, duplicates: 0 });
  for (const host of world.hosts) {
    host.disk.full = false;
    host.disk.hangs = false;
    for (const faults of Object.values(host.faults)) faults.clear();
    if (host.machine) host.machine.kernel.broken = false;
  }
  world.setPolicy({ fencing: undefined });
  powerOnEach(world);
}

/** Also what a fencing command that was under way switches off still. */
function powerOnEach(world: World): void {
  for (const host of world.hosts) if (!host.on) world.powerOn(host.name);
  world.later(POWER_ON_MS, () => powerOnEach(world));
}

/** A container that failed for want of a disk starts over when its specification is declared anew. */
function declareAnew(world: World): void {
  for (const [name, { owner, spec }] of world.view().containers) {
    if (owner?.value.phase !== "FAILED" || !owner.value.reason.includes("ENOSPC")) continue;
    const anew = { ...spec!.value, incarnation: spec!.value.incarnation + 1 };
    world.records.apply({
      compares: [],
      writes: [{ put: keysOf(GROUP).spec(name), value: JSON.stringify(anew) }],
    });
  }
}
