import type { Compare, StoredValue, Txn } from "../../provider/agent/env";

export interface Change {
  key: string;
  before: StoredValue | undefined;
  after: StoredValue | undefined;
}

export interface Snapshot {
  revision: number;
  keys: ReadonlyMap<string, StoredValue>;
}

/** etcd as the protocol sees it: keys with revisions that change by transactions, all or nothing. */
export interface Records {
  /** Of the last change. */
  revision(): number;
  snapshot(): Snapshot;
  /** What a member that fell behind would answer: the snapshot that was read before the last one. */
  olderSnapshot(): Snapshot;
  /** The revision it was applied at; null: a compare failed. */
  apply(txn: Txn): number | null;
  onChange(listener: (change: Change) => void): void;
}

/** etcd's own default. */
const MOST_OPERATIONS = 128;

export function createRecords(): Records {
  const keys = new Map<string, StoredValue>();
  const listeners: ((change: Change) => void)[] = [];
  let revision = 1;
  let current: Snapshot = { revision, keys: new Map() };
  let older = current;

  const holds = (compare: Compare) => {
    const stored = keys.get(compare.key);
    if ("value" in compare) return stored?.value === compare.value;
    return (stored?.modRevision ?? 0) === compare.modRevision;
  };

  return {
    revision: () => revision,
    snapshot() {
      if (current.revision !== revision) {
        older = current;
        current = { revision, keys: new Map(keys) };
      }
      return current;
    },
    olderSnapshot: () => older,
    apply({ compares, writes }) {
      refuseMalformed(compares, writes);
      if (!compares.every(holds)) return null;
      revision += 1;
      for (const write of writes) {
        const key = "put" in write ? write.put : write.delete;
        const before = keys.get(key);
        const after = "put" in write ? { value: write.value, modRevision: revision } : undefined;
        if (after) keys.set(key, after);
        else keys.delete(key);
        for (const listener of listeners) listener({ key, before, after });
      }
      return revision;
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
}

function refuseMalformed(compares: Compare[], writes: Txn["writes"]): void {
  const written = writes.map((write) => ("put" in write ? write.put : write.delete));
  if (new Set(written).size !== written.length)
    throw new Error("etcdserver: duplicate key given in txn request");
  if (Math.max(written.length, compares.length) > MOST_OPERATIONS)
    throw new Error("etcdserver: too many operations in txn request");
}
