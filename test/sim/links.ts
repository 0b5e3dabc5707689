import type { Txn } from "../../provider/agent/env";
import type { Random } from "./random";

/** What is connected with what, and how well. Hosts are named; `store` is the store. */
export interface Links {
  /** Whether a packet sent now from `from` arrives at `to`. */
  pass(from: string, to: string): boolean;
  /** One way, ms. */
  latency(): number;
  cut(from: string, to: string): void;
  heal(): void;
  /** Whether a quorum of the store's voters answers. */
  storeUp: boolean;
  /** Whether the reply to this transaction is lost on its way. */
  losesReplyTo(txn: Txn): boolean;
  /** Whether this transaction is stuck on its way, until `stuck` is served. Its sender gets no reply. */
  sticks(txn: Txn): boolean;
  stuck: (() => void)[];
  /** Share of the store's replies that are lost on their way. */
  lostReplies: number;
  /** Share of requests without a way to the store that are applied all the same, later. */
  lateRequests: number;
  /** Share of reads that a member answers which fell behind (etcd issue 20418). */
  staleReads: number;
}

export const STORE = "store";

export function createLinks(random: Random): Links {
  const cuts = new Set<string>();
  return {
    pass: (from, to) => !cuts.has(`${from}>${to}`) && !cuts.has(`${from}>*`) && !cuts.has(`*>${to}`),
    latency: () => random.between(0.3, 2),
    cut: (from, to) => {
      cuts.add(`${from}>${to}`);
    },
    heal: () => cuts.clear(),
    storeUp: true,
    losesReplyTo: () => false,
    sticks: () => false,
    stuck: [],
    lostReplies: 0,
    lateRequests: 0,
    staleReads: 0,
  };
}
