import type { GroupConfig } from "../../contract";
import { keysOf } from "../../contract/keys";
import { paths } from "../../contract/paths";
import type { Store, StoredValue, Txn, TxnOutcome } from "../env";
import { createEtcd, type EtcdOptions } from "./etcd/client";
import { EtcdError } from "./etcd/endpoint";
import { surelyNotApplied, txnRequest } from "./etcd/transaction";
import { changesSince, emptyView, merge, type View } from "./etcd/view";
import { agentTimeouts } from "./store-timeouts";

const MOVE_TIMEOUT_MS = 3000;

export interface StoreOptions extends EtcdOptions {
  group: string;
  /** Name of this host and of its etcd member. */
  host: string;
}

export interface EtcdStore extends Store {
  /** `timeoutMs`: that of the agent by default, over all endpoints. */
  read(options?: { timeoutMs?: number }): Promise<ReadonlyMap<string, StoredValue>>;
  /** `timeoutMs`: that of the agent by default. Throws where etcd refused the request itself, such as a missing permission. */
  txn(txn: Txn, options?: { timeoutMs?: number }): Promise<TxnOutcome>;
  /** Rejects with the reason where this host leads and the leadership could not be moved. */
  moveLeader(host: string): Promise<void>;
  /** Read the PEM files again and connect anew. Throws and keeps the old ones where they cannot be used. */
  reloadTls(): void;
  close(): void;
}

/** The store of this host's group, at its voters or only at some of them. */
export function storeOf(
  { policy, host, etcdServerName }: GroupConfig,
  endpoints: string[] = policy.etcdEndpoints,
): EtcdStore {
  const tls = policy.etcd === "external" ? paths.externalEtcdTls : paths.tls;
  return createStore({ group: policy.group, host, endpoints, serverName: etcdServerName, tls });
}

/** The group's records in etcd. */
export function createStore(options: StoreOptions): EtcdStore {
  const etcd = createEtcd(options);
  const { prefix, rebuilt } = keysOf(options.group);
  let view: View = emptyView;
  let newestRevision = 0;

  async function read({ timeoutMs = agentTimeouts.readMs } = {}): Promise<ReadonlyMap<string, StoredValue>> {
    const until = performance.now() + timeoutMs;
    const changed = await readFrom(view, timeoutMs);
    const next = changed ?? (await readFrom(emptyView, Math.max(until - performance.now(), 1)));
    if (!next) throw new Error(`etcd's full answer about ${prefix} does not agree with its own count`);
    // Reads may overtake one another.
    if (next.revision > view.revision) view = next;
    newestRevision = Math.max(newestRevision, next.revision);
    return next.keys;
  }

  async function readFrom(base: View, timeoutMs: number): Promise<View | null> {
    const known = newestRevision;
    const reply = await etcd.range(changesSince(prefix, base), timeoutMs, ({ header }) =>
      // safety: a member that was paused may answer a linearizable read from the past (etcd issue 20418).
      header.revision < known
        ? `its answer is of revision ${header.revision}, older than ${known} that was seen already`
        : null,
    );
    return merge(base, reply, rebuilt);
  }

  async function txn(request: Txn, { timeoutMs = agentTimeouts.txnMs } = {}): Promise<TxnOutcome> {
    const known = newestRevision;
    const attempt = await etcd.txn(txnRequest(request), timeoutMs);
    if ("error" in attempt) {
      const { error, sent } = attempt;
      if (error instanceof EtcdError && surelyNotApplied(error)) {
        const keys = request.writes.map((write) => ("put" in write ? write.put : write.delete));
        throw new Error(`etcd refused the write of ${keys.join(", ")}: ${error.message}`, { cause: error });
      }
      return { result: "unknown", cause: sent ? error.message : `not sent: ${error.message}` };
    }
    const { revision } = attempt.reply.header;
    // safety: a rebuilt cluster has higher revisions; one that answers with lower ones is of the past.
    if (revision < known) {
      const cause = `the answer is of revision ${revision}, older than ${known} that was seen before`;
      return { result: "unknown", cause };
    }
    // safety: also of a refusal, so that no read after it shows what stood before whatever it was refused for.
    newestRevision = Math.max(newestRevision, revision);
    if (!attempt.reply.succeeded) return { result: "refused" };
    return { result: "committed", revision };
  }

  return {
    read,
    txn,
    moveLeader: (host) => etcd.moveLeader({ from: options.host, to: host }, MOVE_TIMEOUT_MS),
    setEndpoints: etcd.setEndpoints,
    reloadTls: etcd.reloadTls,
    close: etcd.close,
  };
}
