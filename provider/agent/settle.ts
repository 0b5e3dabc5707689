import type { Clock, Store, Txn } from "./env";

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
      if (stored) {
        const now = "put" in first ? stored.get(first.put)?.value === first.value : !stored.has(first.delete);
        return { committed: now };
      }
    } else {
      doubtful = true;
    }
    await clock.sleep(RETRY_MS, signal);
  }
}
