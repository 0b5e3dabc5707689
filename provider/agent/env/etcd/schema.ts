import { createCodec } from "./protobuf";

/**
 * The part of etcd's gRPC interface that the product uses. Numbers and types are those of etcd's published rpc.proto
 * and kv.proto (3.4 to 3.6); on the wire only they and the services' full names count.
 */
const codec = createCodec({
  ResponseHeader: { clusterId: "uint64 1", revision: "int64 3" },
  KeyValue: { key: "bytes 1", modRevision: "int64 3", value: "bytes 5" },
  RangeRequest: { key: "bytes 1", rangeEnd: "bytes 2", minModRevision: "int64 10" },
  RangeResponse: { header: "ResponseHeader 1", kvs: "repeated KeyValue 2", count: "int64 4" },
  PutRequest: { key: "bytes 1", value: "bytes 2" },
  DeleteRangeRequest: { key: "bytes 1" },
  // One of.
  RequestOp: { requestPut: "PutRequest 2", requestDeleteRange: "DeleteRangeRequest 3" },
  // One of modRevision and value, as the target says.
  Compare: {
    result: "int32 1",
    target: "int32 2",
    key: "bytes 3",
    modRevision: "int64 6",
    value: "bytes 7",
  },
  TxnRequest: { compare: "repeated Compare 1", success: "repeated RequestOp 2" },
  TxnResponse: { header: "ResponseHeader 1", succeeded: "bool 2" },
  StatusRequest: {},
  StatusResponse: { header: "ResponseHeader 1", leader: "uint64 4" },
  MoveLeaderRequest: { targetId: "uint64 1" },
  MoveLeaderResponse: {},
  Member: { id: "uint64 1", name: "string 2", clientUrls: "repeated string 4", isLearner: "bool 5" },
  MemberListRequest: {},
  MemberListResponse: { members: "repeated Member 2" },
});

export interface Header {
  /** Another one: what revisions meant before says nothing any more. */
  clusterId: string;
  revision: number;
}
export interface RangeRequest {
  key: Buffer;
  rangeEnd: Buffer;
  /** 0: no filter. */
  minModRevision: number;
}
export interface RangeResponse {
  header: Header;
  kvs: { key: Buffer; modRevision: number; value: Buffer }[];
  /** Keys in the range, whatever the filter left out. */
  count: number;
}
export interface WireCompare {
  result: number;
  target: number;
  key: Buffer;
  modRevision?: number;
  value?: Buffer;
}
export interface TxnRequest {
  compare: WireCompare[];
  success: ({ requestPut: { key: Buffer; value: Buffer } } | { requestDeleteRange: { key: Buffer } })[];
}
export interface TxnResponse {
  header: Header;
  succeeded: boolean;
}
export interface StatusResponse {
  header: Header;
  /** Id of a member, as decimal text: ids exceed what a number holds exactly. */
  leader: string;
}
export interface Member {
  id: string;
  name: string;
  clientUrls: string[];
  isLearner: boolean;
}

/** `CompareResult.EQUAL`, and `CompareTarget.MOD` and `VALUE`. */
export const EQUAL = 0;
export const TARGET_MOD = 2;
export const TARGET_VALUE = 3;

/** One unary call of etcd. */
export interface Method<Request, Reply> {
  path: string;
  encode(request: Request): Buffer;
  /** Throws for bytes that are no such reply. */
  decode(bytes: Buffer): Reply;
}

type Empty = Record<string, never>;

export const methods = {
  range: method<RangeRequest, RangeResponse>("KV", "Range"),
  txn: method<TxnRequest, TxnResponse>("KV", "Txn"),
  status: method<Empty, StatusResponse>("Maintenance", "Status"),
  moveLeader: method<{ targetId: string }, Empty>("Maintenance", "MoveLeader"),
  memberList: method<Empty, { members: Member[] }>("Cluster", "MemberList"),
};

function method<Request extends object, Reply>(service: string, name: string): Method<Request, Reply> {
  return {
    path: `/etcdserverpb.${service}/${name}`,
    encode: (request) => codec.encode(`${name}Request`, request),
    // The table above and the interfaces say the same.
    decode: (bytes) => codec.decode(`${name}Response`, bytes) as Reply,
  };
}
