import { type Timing, timingOf } from "../../provider/contract";
import type { specOf } from "./group";
import { createRandom, type Random } from "./random";
import type { Durations } from "./runtime";
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
    happenings: strikesOf(random, hosts),
  };
}

/** How far one clock may be off so that two, off in opposite directions, are within the bound of the timing. */
export function mostDrift({ clockDrift }: Timing): number {
  return clockDrift / (2 + clockDrift);
}

/** One kind of trouble: what happens at its beginning, and at its end some time later. */
interface Trouble {
  weight: number;
  lasts: [least: number, most: number];
  strike(random: Random, host: string, ms: string): { begin: string; end?: string };
}

const troubles: Trouble[] = [
  {
    weight: 5,
    lasts: [500, 9000],
    strike: (_, host) => ({ begin: `power ${host} off`, end: `power ${host} on` }),
  },
  {
    weight: 6,
    lasts: [100, 8000],
    strike(random, host) {
      const from = random.pick(["", "", " from store", " from store", " from peers"]);
      const only = random.pick(["", "", " only in", " only out"]);
      return { begin: `network ${host} off${from}${only}`, end: `network ${host} on` };
    },
  },
  { weight: 1, lasts: [100, 9000], strike: () => ({ begin: "store off", end: "store on" }) },
  { weight: 1, lasts: [100, 1300], strike: (_, __, ms) => ({ begin: `store elects ${ms}` }) },
  {
    weight: 2,
    lasts: [500, 5000],
    strike(random) {
      const what = random.pick(["lost-replies", "late-replies", "stale-reads", "late-requests"]);
      const share = random.pick(["0.1", "0.6"]);
      return { begin: `store ${what} ${share}`, end: `store ${what} 0` };
    },
  },
  {
    weight: 1,
    lasts: [500, 5000],
    strike: (random) => ({
      begin: `network delay ${Math.round(random.between(20, 700))} ms`,
      end: "network delay 0 ms",
    }),
  },
  {
    weight: 1,
    lasts: [500, 5000],
    strike: (random) => {
      const what = random.pick(["loss", "duplicates"]);
      return { begin: `network ${what} ${random.pick(["0.05", "0.3"])}`, end: `network ${what} 0` };
    },
  },
  { weight: 2, lasts: [50, 4000], strike: (_, host, ms) => ({ begin: `kill ${host} agent for ${ms}` }) },
  { weight: 2, lasts: [50, 3000], strike: (_, host, ms) => ({ begin: `kill ${host} lease for ${ms}` }) },
  {
    weight: 3,
    lasts: [50, 4000],
    strike: (random, host, ms) => ({
      begin: `pause ${host} lease${random.pick(["", " at flip", " at arm", " at txn"])} for ${ms}`,
    }),
  },
  {
    weight: 2,
    lasts: [50, 8000],
    strike: (random, host, ms) => {
      const point = random.pick([
        "",
        " at txn",
        " at read",
        " at join",
        " at leave",
        " at restore",
        " at seal",
      ]);
      return { begin: `pause ${host} agent${point} for ${ms}` };
    },
  },
  {
    weight: 4,
    lasts: [0, 0],
    strike(random) {
      const to = random.pick(["a", "b", "c"]);
      return { begin: `operator: ${JSON.stringify({ op: "migrate", name: "db", to })}` };
    },
  },
  { weight: 1, lasts: [0, 0], strike: () => ({ begin: "crash db" }) },
  { weight: 1, lasts: [0, 0], strike: (_, host) => ({ begin: `tombstone ${host}` }) },
  {
    weight: 1,
    lasts: [500, 8000],
    strike: (_, host) => ({ begin: `disk ${host} full`, end: `disk ${host} free` }),
  },
  {
    weight: 1,
    lasts: [0, 0],
    strike: (random) => ({ begin: `declare db {"image":"${random.pick(["redis:7", "redis:8"])}"}` }),
  },
  {
    weight: 1,
    lasts: [0, 0],
    strike: (random) => ({ begin: `timing ${random.pick(["fast", "default", "slow"])}` }),
  },
  {
    weight: 1,
    lasts: [0, 0],
    strike: (random, host) => ({ begin: `clock ${host} jumps ${random.pick(["3600 s", "-3600 s"])}` }),
  },
];

const drawn = troubles.flatMap((trouble) => Array.from({ length: trouble.weight }, () => trouble));

function strikesOf(random: Random, hosts: string[]): Happening[] {
  const happenings: Happening[] = [];
  for (let at = random.between(10, 1500); at < STRIKES_MS; at += random.between(50, 3200)) {
    const trouble = random.pick(drawn);
    const ms = Math.round(random.between(...trouble.lasts));
    const host = random.chance(0.4) ? "primary" : random.pick(hosts);
    const { begin, end } = trouble.strike(random, host, `${ms} ms`);
    happenings.push({ at: Math.round(at), text: begin });
    // When it ends, the primary may be another one.
    if (end) happenings.push({ at: Math.round(at) + ms, text: end.replace(" primary ", " all ") });
  }
  return happenings.sort((one, other) => one.at - other.at);
}
