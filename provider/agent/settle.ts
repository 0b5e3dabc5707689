import type { Clock, Compare, Store, StoredValue, Txn } from "./env";

const RETRY_MS = 50;

/**
 * Carries a transaction to a certain end. A compare-and-swap without a reply may commit at any later time; reading
 * back does not settle it. The same transaction again does: both compare the same revision, so once the second is
 * answered the first can change nothing any more (safety.md 1.2). Rejects only when `signal` aborts.
 */
export async function settle(
  { store, clock }: { store: Store; clock: Clock },
  txn: Txn,
  signal: AbortSignal,
): Promise<{ committed: boolean }> {
  const first = txn.writes[0];
  let doubtful = false;
  for (;;) {
    signal.throwIfAborted();
    const outcome = await store.txn(txn);
    if (outcome.result === "committed") return { committed: true };
    if (outcome.result === "refused") {
      if (!doubtful || !first) return { committed: false };
      const stored = await store.read().catch(() => null);
      if (stored) return { committed: isDone(txn, stored) };
    } else {
      doubtful = true;
    }
    await clock.sleep(RETRY_MS, signal);
  }
}

/**
 * Whether a transaction that may have committed did. What it put says so by its value; that a key is gone may be
 * somebody else's doing, who then has changed what the transaction compared as well.
 */
function isDone({ compares, writes }: Txn, stored: ReadonlyMap<string, StoredValue>): boolean {
  const first = writes[0]!;
  if ("put" in first) return stored.get(first.put)?.value === first.value;
  const written = new Set(writes.map((write) => ("put" in write ? write.put : write.delete)));
  const others = compares.filter(({ key }) => !written.has(key));
  return !stored.has(first.delete) && others.every((compare) => holds(compare, stored.get(compare.key)));
}

function holds(compare: Compare, stored: StoredValue | undefined): boolean {
  if ("value" in compare) return stored?.value === compare.value;
  return (stored?.modRevision ?? 0) === compare.modRevision;
}
