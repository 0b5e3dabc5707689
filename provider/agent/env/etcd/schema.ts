import { fromJSON, type MethodDefinition, type ServiceDefinition } from "@grpc/proto-loader";

/**
 * The part of etcd's gRPC interface that the product uses. Numbers and types are those of etcd's published rpc.proto
 * and kv.proto (3.4 to 3.6); on the wire only they and the services' full names count. Held in code, so that a bundle
 * needs no files.
 */
const messages = {
  ResponseHeader: { clusterId: "uint64 1", memberId: "uint64 2", revision: "int64 3", raftTerm: "uint64 4" },
  KeyValue: { key: "bytes 1", modRevision: "int64 3", value: "bytes 5" },
  RangeRequest: { key: "bytes 1", rangeEnd: "bytes 2", minModRevision: "int64 10" },
  RangeResponse: { header: "ResponseHeader 1", kvs: "repeated KeyValue 2", count: "int64 4" },
  PutRequest: { key: "bytes 1", value: "bytes 2" },
  DeleteRangeRequest: { key: "bytes 1" },
  // Fields of a oneof are written apart: at most one is set in each message that is sent.
  RequestOp: { requestPut: "PutRequest 2", requestDeleteRange: "DeleteRangeRequest 3" },
  Compare: { result: "int32 1", target: "int32 2", key: "bytes 3", modRevision: "int64 6", value: "bytes 7" },
  TxnRequest: { compare: "repeated Compare 1", success: "repeated RequestOp 2" },
  TxnResponse: { header: "ResponseHeader 1", succeeded: "bool 2" },
  StatusRequest: {},
  StatusResponse: { header: "ResponseHeader 1", leader: "uint64 4" },
  MoveLeaderRequest: { targetId: "uint64 1" },
  MoveLeaderResponse: { header: "ResponseHeader 1" },
  Member: { id: "uint64 1", name: "string 2", clientUrls: "repeated string 4", isLearner: "bool 5" },
  MemberListRequest: {},
  MemberListResponse: { header: "ResponseHeader 1", members: "repeated Member 2" },
};

const services = {
  KV: ["Range", "Txn"],
  Maintenance: ["Status", "MoveLeader"],
  Cluster: ["MemberList"],
};

/** 64-bit numbers arrive as decimal text: member ids exceed what a number holds exactly. */
export interface Header {
  memberId: string;
  revision: string;
}
export interface RangeRequest {
  key: Buffer;
  rangeEnd: Buffer;
  /** 0: no filter. */
  minModRevision: number;
}
export interface RangeResponse {
  header: Header;
  kvs: { key: Buffer; modRevision: string; value: Buffer }[];
  /** Keys in the range, whatever the filter left out. */
  count: string;
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

export type Method<Request, Reply> = MethodDefinition<Request, Reply>;

const nested: NonNullable<Parameters<typeof fromJSON>[0]["nested"]> = {
  ...mapValues(messages, (fields) => ({
    fields: mapValues<string, ReturnType<typeof fieldOf>>(fields, fieldOf),
  })),
  ...mapValues(services, (names) => ({ methods: Object.fromEntries(names.map(methodEntry)) })),
};
const definition = fromJSON(
  { nested: { etcdserverpb: { nested } } },
  { keepCase: true, longs: String, defaults: true, arrays: true },
);

export const methods = {
  range: methodOf<RangeRequest, RangeResponse>("KV", "Range"),
  txn: methodOf<TxnRequest, TxnResponse>("KV", "Txn"),
  status: methodOf<Record<string, never>, StatusResponse>("Maintenance", "Status"),
  moveLeader: methodOf<{ targetId: string }, unknown>("Maintenance", "MoveLeader"),
  memberList: methodOf<Record<string, never>, { members: Member[] }>("Cluster", "MemberList"),
};

function methodOf<Request, Reply>(service: string, name: string): Method<Request, Reply> {
  const found = (definition[`etcdserverpb.${service}`] as ServiceDefinition)[name];
  return found as unknown as Method<Request, Reply>;
}

function methodEntry(name: string) {
  return [name, { requestType: `${name}Request`, responseType: `${name}Response`, comment: "" }] as const;
}

/** `repeated KeyValue 2` -> what the loader takes. */
function fieldOf(text: string): { rule?: "repeated"; type: string; id: number } {
  const [, repeated, type, id] = /^(repeated )?(\w+) (\d+)$/.exec(text)!;
  return { ...(repeated ? { rule: "repeated" as const } : {}), type: type!, id: Number(id) };
}

function mapValues<In, Out>(object: Record<string, In>, of: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, of(value)]));
}
