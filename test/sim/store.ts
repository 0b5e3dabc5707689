import type { Store, Txn, TxnOutcome } from "../../provider/agent/env";
import type { StoreTimeouts } from "../../provider/agent/env/store-timeouts";
import { keysOf } from "../../provider/contract";
import { connectionLatency, type Links, STORE } from "./links";
import type { SimProcess } from "./process";
import type { Random } from "./random";
import type { Records, Snapshot } from "./records";
import type { Scheduler } from "./scheduler";

const KEPT_IN_ELECTION = 0.5;
const AGAIN_MS = 500;
const LATE_MS = 200;

export interface StoreOptions {
  group: string;
  host: string;
  timeouts: StoreTimeouts;
  process: SimProcess;
  scheduler: Scheduler;
  records: Records;
  links: Links;
  random: Random;
  /** Every reply that arrives, also one that nobody waits for any more. */
  heard?(reply: unknown): void;
}

/** A refusal tells too how far the store was. */
export interface TxnReply {
  outcome: TxnOutcome;
  revision: number;
}

/** One process's connection to the store. */
export function createStore(o: StoreOptions): Store {
  const { readMs, txnMs } = o.timeouts;
  let newest = 0;

  async function read(): Promise<Snapshot["keys"]> {
    const known = newest;
    const answered = await ask(o, readMs, () =>
      o.random.chance(o.links.staleReads) ? o.records.olderSnapshot() : o.records.snapshot(),
    );
    if (!answered) throw new Error(`no endpoint answered within ${readMs} ms`);
    if (answered.revision < known)
      throw new Error(`its answer is of revision ${answered.revision}, older than ${known}`);
    newest = Math.max(newest, answered.revision);
    return answered.keys;
  }

  async function txn(request: Txn): Promise<TxnOutcome> {
    refuseForbidden(o, request);
    const apply = (): TxnReply => {
      const revision = o.records.apply(request);
      const outcome: TxnOutcome =
        revision === null ? { result: "refused" } : { result: "committed", revision };
      return { outcome, revision: o.records.revision() };
    };
    const answered = await ask(o, txnMs, apply, request);
    newest = Math.max(newest, answered?.revision ?? 0);
    return answered?.outcome ?? { result: "unknown", cause: `no reply within ${txnMs} ms` };
  }

  return { read, txn, moveLeader: async () => {}, setEndpoints: () => {} };
}

/** Carries a request to the store and its reply back; null: no reply came in time, whatever became of the request. */
function ask<T>(o: StoreOptions, timeoutMs: number, serve: () => T, txn?: Txn): Promise<T | null> {
  const { process, scheduler, links, random } = o;
  return new Promise((resolve) => {
    const stopWaiting = process.after(timeoutMs, () => resolve(null));
    const reply = (served: T) => {
      if ((txn && links.losesReplyTo(txn)) || random.chance(links.lostReplies)) return;
      const late = random.chance(links.lateReplies) ? timeoutMs + random.between(0, LATE_MS) : 0;
      const way = late + connectionLatency(links, random) + links.slowness(STORE, o.host);
      scheduler.after(way, () => {
        if (!links.pass(STORE, o.host)) return;
        process.deliver(() => {
          stopWaiting();
          o.heard?.(served);
          resolve(served);
        });
      });
    };
    const arrive = () => {
      if (!links.storeUp || !links.pass(o.host, STORE)) {
        if (random.chance(links.lateRequests))
          scheduler.after(random.between(50, 3000), () => links.storeUp && serve());
        return;
      }
      const wait = links.electionUntil - scheduler.now();
      if (wait > 0) {
        // Without a leader a member keeps some requests for the next one, and the others are gone.
        if (random.chance(KEPT_IN_ELECTION)) scheduler.after(wait + links.latency(), () => reply(serve()));
        return;
      }
      if (txn && links.sticks(txn)) {
        links.stuck.push(serve);
        return;
      }
      reply(serve());
      if (txn && random.chance(links.duplicates)) scheduler.after(random.between(0, AGAIN_MS), serve);
    };
    // A process that stands still sends nothing.
    process.deliver(() =>
      scheduler.after(connectionLatency(links, random) + links.slowness(o.host, STORE), arrive),
    );
  });
}

/** etcd's role of a host: it writes its own records and the containers', never another host's. */
function refuseForbidden({ group, host }: StoreOptions, { writes }: Txn): void {
  const { prefix, containers, fences, hosts, declared } = keysOf(group);
  const allowed = [
    `${hosts}${host}/`,
    fences,
    `${prefix}fence-intent/`,
    containers,
    `${prefix}rule/`,
    declared,
  ];
  for (const write of writes) {
    const key = "put" in write ? write.put : write.delete;
    if (!allowed.some((area) => key.startsWith(area)))
      throw new Error(`etcd refused the write of ${key}: permission denied`);
  }
}
