import { type Timing, timingOf } from "../../provider/contract";
import type { specOf } from "./group";
import { createRandom, type Random } from "./random";
import type { Durations } from "./runtime";
import { operations, quorumLosses, type Trouble, troubles } from "./troubles";
import { instantaneous, realistic } from "./world";

/** Something that happens so long after the beginning, ms. */
export interface Happening {
  at: number;
  text: string;
}

/** A run: a world, what runs in it, and what happens to it. Everything about it is here, so that it can be repeated. */
export interface Schedule {
  seed: number;
  hosts: string[];
  /** How fast each host's clock runs. */
  rates: Record<string, number>;
  timing: Timing;
  /** How long the engine takes. */
  durations: Durations;
  containers: Parameters<typeof specOf>[0][];
  checkpointMs: number;
  cutOffToo?: boolean;
  happenings: Happening[];
}

const STRIKES_MS = 27_000;

/** The run of a seed. */
export function scheduleOf(seed: number): Schedule {
  // Neighbours in the row of seeds would begin alike.
  const random = createRandom(Math.imul(seed, 0x9e3779b1));
  const hosts = ["a", "b", "c", "d", "e"].slice(0, random.pick([3, 3, 3, 3, 3, 3, 4, 5]));
  const timing = random.pick([timingOf("fast", false), timingOf("fast", true), timingOf("default", false)]);
  const drift = mostDrift(timing);
  const db = { standby: random.pick(["cold", "cold", "warm"] as const), standbys: random.pick([1, 1, 2]) };
  const web = { name: "web", virtualIps: ["10.0.0.101"] };
  return {
    seed,
    hosts,
    rates: Object.fromEntries(hosts.map((host) => [host, 1 + random.between(-drift, drift)])),
    timing,
    // A slow restore hides mistakes in the order of things (safety.md 5.4).
    durations: random.chance(0.5) ? instantaneous : realistic,
    containers: random.chance(0.25) ? [db, web] : [db],
    checkpointMs: random.pick([500, 2000, 10_000]),
    happenings: [
      ...(isFailsafe(seed) ? [{ at: 0, text: "quorum-loss failsafe" }] : []),
      ...strikesOf(random, hosts, drawnIn(seed)),
    ],
  };
}

/** How far one clock may be off so that two, off in opposite directions, are within the bound of the timing. */
export function mostDrift({ clockDrift }: Timing): number {
  return clockDrift / (2 + clockDrift);
}

/** In these seeds operators are at work as well. */
const hasOperators = (seed: number) => seed % 5 >= 3;
/** In these the group serves on without a quorum, and is without one more often. */
const isFailsafe = (seed: number) => seed % 8 === 1 || seed % 8 === 7;
const drawnFrom = (some: Trouble[]) =>
  some.flatMap((trouble) => Array<Trouble>(trouble.weight).fill(trouble));
const alone = drawnFrom(troubles);
const withOperators = drawnFrom([...troubles, ...operations]);
const withoutQuorum = drawnFrom(quorumLosses);

function drawnIn(seed: number): Trouble[] {
  const drawn = hasOperators(seed) ? withOperators : alone;
  return isFailsafe(seed) ? [...drawn, ...withoutQuorum] : drawn;
}

function strikesOf(random: Random, hosts: string[], drawn: Trouble[]): Happening[] {
  const happenings: Happening[] = [];
  for (let at = random.between(10, 1500); at < STRIKES_MS; at += random.between(50, 3200)) {
    const trouble = random.pick(drawn);
    const ms = Math.round(random.between(...trouble.lasts));
    const host = random.chance(0.4) ? "primary" : random.pick(hosts);
    const { begin, end } = trouble.strike(random, host, `${ms} ms`);
    const from = Math.round(at);
    for (const text of [begin].flat()) happenings.push({ at: from, text });
    // When it ends, the primary may be another one.
    for (const text of [end ?? []].flat())
      happenings.push({ at: from + ms, text: text.replace(" primary ", " all ") });
  }
  return happenings.sort((one, other) => one.at - other.at);
}
