import type { Random } from "./random";

/** One kind of trouble: what happens at its beginning, and at its end some time later. */
export interface Trouble {
  weight: number;
  lasts: [least: number, most: number];
  strike(random: Random, host: string, ms: string): { begin: string | string[]; end?: string | string[] };
}

/** What hosts, networks and stores do. */
export const troubles: Trouble[] = [
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
  {
    weight: 2,
    lasts: [500, 6000],
    strike(random, host) {
      const call = random.pick(["release", "dump", "restore", "prepare", "remove", "start", "thaw", "probe"]);
      const ms = Math.round(random.between(20, call === "thaw" || call === "release" ? 500 : 3000));
      return { begin: `fault ${host} slow ${call} ${ms} ms`, end: `fault ${host} slow ${call} 0 ms` };
    },
  },
  {
    weight: 2,
    lasts: [3000, 9000],
    strike: (_, host) => ({
      begin: [`fault ${host} loses 1 releases of db`, "crash db"],
      end: `fault ${host} loses 0 releases of db`,
    }),
  },
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

/** What befalls a group that serves on without a quorum. */
export const quorumLosses: Trouble[] = [
  { weight: 12, lasts: [100, 9000], strike: () => ({ begin: "store off", end: "store on" }) },
  {
    weight: 6,
    lasts: [500, 6000],
    strike: (random, host) => ({
      begin: ["store off", `network ${host} off from store${random.pick(["", " only in", " only out"])}`],
      end: "store on",
    }),
  },
  {
    weight: 6,
    lasts: [1000, 9000],
    strike(random, host) {
      const other = random.pick(["a", "b", "c"]);
      return {
        begin: [`network ${host} off from store`, `network ${other} off from store`],
        end: "network all on",
      };
    },
  },
  {
    weight: 3,
    lasts: [300, 3000],
    strike: (random) => ({
      begin: "quorum-loss freeze",
      end: ["quorum-loss failsafe", ...random.pick([["network all on"], []])],
    }),
  },
];

/** What operators do, and the group's fencing command. */
export const operations: Trouble[] = [
  {
    weight: 3,
    lasts: [0, 0],
    strike(random) {
      const host = random.pick(["a", "b", "c"]);
      return { begin: asked({ op: "fence", host, confirmedOff: false, dryRun: false }) };
    },
  },
  {
    weight: 4,
    lasts: [0, 0],
    strike(random) {
      const to = random.pick(["a", "b", "c", undefined]);
      return { begin: asked({ op: "failover", name: "db", to, dryRun: false }) };
    },
  },
  {
    weight: 4,
    lasts: [3000, 12_000],
    strike(random) {
      // One that lies is outside of what the protocol can stand (safety.md 1.9); a scenario shows what comes of it.
      const behaviour = random.pick(["works", "works", "works", "fails", "missing", "hangs"]);
      const begin = [`fencing ${behaviour}`, `fencing ${random.pick(["required", "optional"])}`];
      return { begin, end: ["fencing none", "power all on"] };
    },
  },
];

function asked(request: object): string {
  return `operator: ${JSON.stringify(request)}`;
}
