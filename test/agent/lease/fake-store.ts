import type { Store, StoredValue, Txn, TxnOutcome } from "../../../provider/agent/env";

/**
 * commit   applied and answered
 * lose     applied, but the reply is lost
 * delay    not applied yet: no reply, and `applyDelayed` applies it later if its compares still hold
 * hold     neither applied nor answered until `release`
 * throw    the store refuses the request itself
 */
export type Fate = "commit" | "lose" | "delay" | "hold" | "throw";

export interface FakeStore extends Pick<Store, "txn" | "read"> {
  records: Map<string, StoredValue>;
  /** What becomes of the next transactions, one after the other; then `fate`. */
  fates: Fate[];
  fate: Fate;
  sent: Txn[];
  readable: boolean;
  put(key: string, value: string): void;
  remove(key: string): void;
  release(): void;
  applyDelayed(): TxnOutcome[];
}

export function createFakeStore(trace: (line: string) => void): FakeStore {
  const records = new Map<string, StoredValue>();
  const delayed: Txn[] = [];
  const held: (() => void)[] = [];
  let revision = 10;

  const apply = (txn: Txn): TxnOutcome => {
    const holds = txn.compares.every((compare) => {
      const found = records.get(compare.key);
      return "value" in compare
        ? found?.value === compare.value
        : (found?.modRevision ?? 0) === compare.modRevision;
    });
    if (!holds) return { result: "refused" };
    revision += 1;
    for (const write of txn.writes) {
      if ("put" in write) records.set(write.put, { value: write.value, modRevision: revision });
      else records.delete(write.delete);
    }
    return { result: "committed", revision };
  };
  const answer = (txn: Txn): TxnOutcome => {
    const outcome = apply(txn);
    trace(outcome.result);
    return outcome;
  };

  const store: FakeStore = {
    records,
    fates: [],
    fate: "commit",
    sent: [],
    readable: true,
    put(key, value) {
      revision += 1;
      records.set(key, { value, modRevision: revision });
    },
    remove: (key) => void records.delete(key),
    async read() {
      if (!store.readable) throw new Error("no endpoint answered");
      return new Map(records);
    },
    async txn(txn) {
      store.sent.push(txn);
      trace("send");
      switch (store.fates.shift() ?? store.fate) {
        case "commit":
          return answer(txn);
        case "lose":
          apply(txn);
          return { result: "unknown", cause: "deadline exceeded" };
        case "delay":
          delayed.push(txn);
          return { result: "unknown", cause: "deadline exceeded" };
        case "hold":
          return new Promise((resolve) => held.push(() => resolve(answer(txn))));
        case "throw":
          throw new Error("etcd refused the write: permission denied");
      }
    },
    release: () => {
      for (const one of held.splice(0)) one();
    },
    applyDelayed: () => delayed.splice(0).map(apply),
  };
  return store;
}
