import type { Txn } from "../../provider/agent/env";
import type { Random } from "./random";

/** What is connected with what, and how well. Hosts are named; `store` is the store. */
export interface Links {
  /** Whether a packet sent now from `from` arrives at `to`. */
  pass(from: string, to: string): boolean;
  /** One way, ms. */
  latency(): number;
  cut(from: string, to: string): void;
  /** Every link is whole again, or all those of one host. */
  heal(host?: string): void;
  /** What `from` sends to `to` takes so much longer from now on, ms; 0: as ever. */
  slow(from: string, to: string, ms: number): void;
  slowness(from: string, to: string): number;
  /** Some packets take up to so much longer, ms. */
  delayMs: number;
  /** Share of packets that are lost: a datagram is gone, a connection sends again after a while. */
  loss: number;
  /** Share of transactions that arrive twice. */
  duplicates: number;
  /** Whether a quorum of the store's voters answers. */
  storeUp: boolean;
  /** The store elects a leader until then, true ms. */
  electionUntil: number;
  /** Whether the reply to this transaction is lost on its way. */
  losesReplyTo(txn: Txn): boolean;
  /** Whether this transaction is stuck on its way, until `stuck` is served. Its sender gets no reply. */
  sticks(txn: Txn): boolean;
  stuck: (() => void)[];
  /** Share of the store's replies that are lost on their way, or come only after their caller gave up. */
  lostReplies: number;
  lateReplies: number;
  /** Share of requests without a way to the store that are applied all the same, later. */
  lateRequests: number;
  /** Whether heartbeats tell the sender's own clock, so that one that runs too fast or slow is noticed. */
  clocksTold: boolean;
  /** Share of reads that a member answers which fell behind (etcd issue 20418). */
  staleReads: number;
}

export const STORE = "store";

/** A connection sends a lost packet again after this long, twice as long after each further loss. */
const RETRANSMIT_MS = 200;
/** One packet in so many meets the whole delay of a slow network, or a part of it. */
const SLOW_SHARE = 0.3;

export function createLinks(random: Random): Links {
  const cuts = new Set<string>();
  const slow = new Map<string, number>();
  const links: Links = {
    pass: (from, to) => !cuts.has(`${from}>${to}`),
    latency: () => {
      const base = random.between(0.3, 2);
      return links.delayMs > 0 && random.chance(SLOW_SHARE) ? base + random.between(0, links.delayMs) : base;
    },
    cut: (from, to) => {
      cuts.add(`${from}>${to}`);
    },
    heal: (host) => {
      const concerned = (link: string) => !host || link.split(">").includes(host);
      for (const cut of [...cuts]) if (concerned(cut)) cuts.delete(cut);
      for (const link of [...slow.keys()]) if (concerned(link)) slow.delete(link);
    },
    slow: (from, to, ms) => {
      slow.set(`${from}>${to}`, ms);
    },
    slowness: (from, to) => slow.get(`${from}>${to}`) ?? 0,
    delayMs: 0,
    loss: 0,
    duplicates: 0,
    storeUp: true,
    electionUntil: 0,
    losesReplyTo: () => false,
    sticks: () => false,
    stuck: [],
    lostReplies: 0,
    lateReplies: 0,
    lateRequests: 0,
    clocksTold: true,
    staleReads: 0,
  };
  return links;
}

/** How long a packet of a connection takes, with what is sent again, ms. */
export function connectionLatency(links: Links, random: Random): number {
  let ms = links.latency();
  for (let again = RETRANSMIT_MS; random.chance(links.loss); again *= 2) ms += again;
  return ms;
}
