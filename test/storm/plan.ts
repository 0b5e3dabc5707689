import type { Process } from "../faults/processes";
import { createRandom, type Random } from "../sim/random";

/** What happens to the hosts and the containers, all of it chosen before the storm begins. */
export type Trouble =
  /** The majority of voters is gone for a moment: stopped, or cut off from each other. */
  | { kind: "store-hiccup"; hosts: string[]; by: "stop" | "cut"; forMs: number }
  /** Off, and on again. */
  | { kind: "power-cut"; host: string; forMs: number }
  | { kind: "isolation"; host: string; direction: "both" | "in" | "out"; forMs: number }
  | { kind: "kill"; host: string; process: Process }
  | { kind: "disk-full"; host: string; disk: "store" | "etcd"; forMs: number }
  | { kind: "stress"; host: string; of: "processor" | "disk"; forMs: number }
  /** To that host, or where the container runs there already to the next one. */
  | { kind: "move"; container: string; to: string }
  | { kind: "drain"; host: string }
  | { kind: "checkpoint"; container: string }
  | { kind: "schedule"; container: string; intervalMs: number }
  /** The operator's program: other schedules and a host in maintenance, then its end. */
  | { kind: "up"; host: string; intervalsMs: Record<string, number> };
export type Kind = Trouble["kind"];

/** `at`: ms after the beginning of the storm. */
export type Planned = Trouble & { at: number };

export interface StormPlan {
  /** Milliseconds between two checkpoints that each container begins with. */
  intervalsMs: Record<string, number>;
  troubles: Planned[];
}

interface Ground {
  random: Random;
  hosts: string[];
  containers: string[];
}

/**
 * Troubles of one lane never overlap: two hosts are not off at a time, which no group of three could bear. `restMs`:
 * how long after the end of one the next may begin.
 */
const lanes = {
  host: { restMs: 15_000 },
  store: { restMs: 2_000 },
  disk: { restMs: 3_000 },
  processor: { restMs: 3_000 },
  operator: { restMs: 0 },
} as const;
type Lane = keyof typeof lanes;

/** How often each kind comes, in which lane, and what it is. */
const kinds: { lane?: Lane; weight: number; draw: (ground: Ground) => Trouble }[] = [
  { lane: "store", weight: 5, draw: hiccup },
  {
    lane: "host",
    weight: 3,
    draw: ({ random, hosts }) => ({
      kind: "power-cut",
      host: random.pick(hosts),
      forMs: ms(random, 2_000, 12_000),
    }),
  },
  {
    lane: "host",
    weight: 3,
    draw: ({ random, hosts }) => ({
      kind: "isolation",
      host: random.pick(hosts),
      direction: random.pick(["both", "both", "in", "out"] as const),
      forMs: ms(random, 300, 8_000),
    }),
  },
  {
    weight: 6,
    draw: ({ random, hosts }) => ({
      kind: "kill",
      host: random.pick(hosts),
      process: random.pick(["agent", "lease", "nft", "etcd"] as const),
    }),
  },
  {
    lane: "disk",
    weight: 3,
    draw: ({ random, hosts }) => ({
      kind: "disk-full",
      host: random.pick(hosts),
      disk: random.pick(["store", "etcd"] as const),
      forMs: ms(random, 2_000, 8_000),
    }),
  },
  {
    lane: "processor",
    weight: 3,
    draw: ({ random, hosts }) => ({
      kind: "stress",
      host: random.pick(hosts),
      of: random.pick(["processor", "disk"] as const),
      forMs: ms(random, 2_000, 8_000),
    }),
  },
  {
    weight: 6,
    draw: ({ random, hosts, containers }) => ({
      kind: "move",
      container: random.pick(containers),
      to: random.pick(hosts),
    }),
  },
  { lane: "operator", weight: 2, draw: ({ random, hosts }) => ({ kind: "drain", host: random.pick(hosts) }) },
  {
    weight: 3,
    draw: ({ random, containers }) => ({ kind: "checkpoint", container: random.pick(containers) }),
  },
  {
    weight: 3,
    draw: ({ random, containers }) => ({
      kind: "schedule",
      container: random.pick(containers),
      intervalMs: interval(random),
    }),
  },
];

const FIRST_AT_MS = 3_000;
const PAUSE_MS = { least: 500, most: 6_000 };
/** For an `up` that puts a host into maintenance, and one that ends it. */
const UP_MS = 60_000;
const UP_EACH_MS = 10 * 60_000;

/** All of a storm from its seed: nothing of it depends on what the hosts do. */
export function planStorm({
  seed,
  minutes,
  hosts,
  containers,
}: {
  seed: number;
  minutes: number;
  hosts: string[];
  containers: string[];
}): StormPlan {
  const random = createRandom(seed);
  const ground = { random, hosts, containers };
  const endsAt = minutes * 60_000;
  const intervals = () => Object.fromEntries(containers.map((name) => [name, interval(random)]));
  const intervalsMs = intervals();

  const troubles: Planned[] = [];
  const taken: { lane: Lane; from: number; to: number }[] = [];
  // No host may be in trouble while the program runs: it would end with that host's name, as it has to.
  for (let from = 0; from < endsAt; from += UP_EACH_MS) {
    const at = from + ms(random, 0.3 * Math.min(UP_EACH_MS, endsAt), 0.6 * Math.min(UP_EACH_MS, endsAt));
    if (at >= endsAt) break;
    troubles.push({ kind: "up", at, host: random.pick(hosts), intervalsMs: intervals() });
    for (const lane of ["host", "operator"] as const) taken.push({ lane, from: at, to: at + UP_MS });
  }
  for (let at = FIRST_AT_MS; at < endsAt; at += ms(random, PAUSE_MS.least, PAUSE_MS.most)) {
    const { lane, trouble } = draw(ground);
    const to = at + ("forMs" in trouble ? trouble.forMs : 0);
    if (lane) {
      const isTaken = taken.some(
        (other) =>
          other.lane === lane && at < other.to + lanes[lane].restMs && other.from < to + lanes[lane].restMs,
      );
      if (isTaken) continue;
      taken.push({ lane, from: at, to });
    }
    troubles.push({ ...trouble, at });
  }
  return { intervalsMs, troubles: troubles.sort((a, b) => a.at - b.at) };
}

function draw(ground: Ground): { lane?: Lane; trouble: Trouble } {
  let left = ground.random.float() * kinds.reduce((sum, { weight }) => sum + weight, 0);
  const kind = kinds.find(({ weight }) => {
    left -= weight;
    return left < 0;
  })!;
  return { lane: kind.lane, trouble: kind.draw(ground) };
}

function hiccup({ random, hosts }: Ground): Trouble {
  const spared = random.pick(hosts);
  return {
    kind: "store-hiccup",
    hosts: hosts.filter((host) => host !== spared),
    by: random.pick(["stop", "cut"] as const),
    forMs: ms(random, 300, 3_000),
  };
}

/** Between two checkpoints. */
function interval(random: Random): number {
  return ms(random, 1_000, 5_000);
}

function ms(random: Random, least: number, most: number): number {
  return Math.round(random.between(least, most));
}

/** One line for people. */
export function describe(trouble: Trouble): string {
  const seconds = "forMs" in trouble ? ` for ${(trouble.forMs / 1000).toFixed(1)} s` : "";
  switch (trouble.kind) {
    case "store-hiccup":
      return `etcd ${trouble.by === "stop" ? "stopped on" : "cut off from the others on"} ${trouble.hosts.join(" and ")}${seconds}`;
    case "power-cut":
      return `${trouble.host} off${seconds}`;
    case "isolation":
      return `${trouble.host} cut off (${trouble.direction})${seconds}`;
    case "kill":
      return `${trouble.process} killed on ${trouble.host}`;
    case "disk-full":
      return `disk of ${trouble.disk} full on ${trouble.host}${seconds}`;
    case "stress":
      return `${trouble.of} busy on ${trouble.host}${seconds}`;
    case "move":
      return `${trouble.container} moved to ${trouble.to}`;
    case "drain":
      return `${trouble.host} drained`;
    case "checkpoint":
      return `${trouble.container} checkpointed`;
    case "schedule":
      return `${trouble.container} checkpointed each ${trouble.intervalMs} ms from now on`;
    case "up":
      return `up: ${trouble.host} in maintenance, other schedules; then the end of it`;
  }
}
