import type { Compare, Txn, Write } from "../../env";
import type { EtcdError } from "./endpoint";
import { status } from "./grpc";
import { EQUAL, TARGET_MOD, TARGET_VALUE, type TxnRequest, type WireCompare } from "./schema";

/** A transaction of the domain as etcd takes it. */
export function txnRequest(txn: Txn): TxnRequest {
  return { compare: txn.compares.map(wireCompare), success: txn.writes.map(wireWrite) };
}

/**
 * etcd refused the request itself (no permission, too many operations): nothing was or will be applied. Every other
 * error leaves the outcome open.
 */
export function surelyNotApplied(error: EtcdError): boolean {
  return error.code === status.PERMISSION_DENIED || error.code === status.INVALID_ARGUMENT;
}

function wireCompare(compare: Compare): WireCompare {
  const key = Buffer.from(compare.key);
  return "value" in compare
    ? { result: EQUAL, target: TARGET_VALUE, key, value: Buffer.from(compare.value) }
    : { result: EQUAL, target: TARGET_MOD, key, modRevision: compare.modRevision };
}

function wireWrite(write: Write): TxnRequest["success"][number] {
  return "put" in write
    ? { requestPut: { key: Buffer.from(write.put), value: Buffer.from(write.value) } }
    : { requestDeleteRange: { key: Buffer.from(write.delete) } };
}
