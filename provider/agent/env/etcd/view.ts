import type { StoredValue } from "../../env";
import type { RangeRequest, RangeResponse } from "./schema";

/** All keys of a group as of one revision of etcd. Never changed in place: who holds one keeps that moment. */
export interface View {
  revision: number;
  /** Of which cluster. */
  cluster: string;
  keys: ReadonlyMap<string, StoredValue>;
}

export const emptyView: View = { revision: 0, cluster: "", keys: new Map() };

/** Ask for all keys below `prefix` that changed since `view`; with the empty view, for all. */
export function changesSince(prefix: string, view: View): RangeRequest {
  return {
    key: Buffer.from(prefix),
    rangeEnd: endOf(prefix),
    minModRevision: view.revision === 0 ? 0 : view.revision + 1,
  };
}

/**
 * The view that follows from `view` and the answer about its changes; null: only a full answer can tell, since keys
 * were deleted, or another cluster answers, or the cluster was rebuilt, which the key `rebuilt` tells.
 */
export function merge(view: View, reply: RangeResponse, rebuilt = ""): View | null {
  const { revision, clusterId: cluster } = reply.header;
  if (view.revision !== 0 && view.cluster !== cluster) return null;
  // safety: keys may have been seen in the cluster that was given up at revisions that the rebuilt one never had.
  if (view.revision !== 0 && reply.kvs.some(({ key }) => key.toString() === rebuilt)) return null;
  const keys = reply.kvs.length === 0 ? view.keys : merged(view.keys, reply);
  // A key that was deleted is still among these; the count covers the range without the filter. Equal counts
  // therefore mean equal sets.
  return keys.size === reply.count ? { revision, cluster, keys } : null;
}

function merged(keys: ReadonlyMap<string, StoredValue>, reply: RangeResponse): Map<string, StoredValue> {
  const result = new Map(keys);
  for (const { key, value, modRevision } of reply.kvs) {
    result.set(key.toString(), { value: value.toString(), modRevision });
  }
  return result;
}

/** The first key after every key with this prefix. */
function endOf(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}
