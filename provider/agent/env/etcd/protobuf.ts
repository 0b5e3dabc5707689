/**
 * The little of protobuf that etcd's messages need, driven by a table of fields. The usual libraries cost twice the
 * memory and processor time of all else that the lease process does.
 */

/** Field name -> `bytes 1`, `repeated KeyValue 2`: type and number as in a .proto file. */
export type Fields = Record<string, string>;
/** What goes over the wire as a message: numbers, text, bytes, and messages in messages. */
export type Message = { [field: string]: Value | Value[] | undefined };
type Value = number | string | boolean | Buffer | Message;

export interface Codec {
  /** Fields that are undefined are left out; the others are written even when they are zero. No negative numbers. */
  encode(type: string, message: object): Buffer;
  /** Fields that are absent get their type's zero: 0, "", false, no bytes, an empty list, an empty message. */
  decode(type: string, bytes: Buffer): Message;
}

interface Field {
  name: string;
  repeated: boolean;
  type: string;
  id: number;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

export function createCodec(messages: Record<string, Fields>): Codec {
  const types = new Map(
    Object.entries(messages).map(([type, fields]) => [type, Object.entries(fields).map(fieldOf)]),
  );

  function encode(type: string, message: object): Buffer {
    const parts: Buffer[] = [];
    for (const field of types.get(type)!) {
      const value = (message as Message)[field.name];
      if (value === undefined) continue;
      for (const item of Array.isArray(value) ? value : [value]) parts.push(encodeField(field, item));
    }
    return Buffer.concat(parts);
  }

  function encodeField({ type, id }: Field, value: Value): Buffer {
    if (isVarint(type)) return Buffer.concat([varint((id << 3) | VARINT), varint(value as number | string)]);
    const bytes = types.has(type)
      ? encode(type, value as Message)
      : Buffer.isBuffer(value)
        ? value
        : Buffer.from(String(value));
    return Buffer.concat([varint((id << 3) | BYTES), varint(bytes.length), bytes]);
  }

  function decode(type: string, bytes: Buffer): Message {
    const fields = types.get(type)!;
    const message: Message = {};
    const reader = createReader(bytes);
    while (!reader.done()) {
      const tag = reader.varint();
      const field = fields.find(({ id }) => id === tag >>> 3);
      if (!field) reader.skip(tag & 7);
      else {
        const value = decodeField(field.type, tag & 7, reader);
        const list = message[field.name];
        if (Array.isArray(list)) list.push(value);
        else message[field.name] = field.repeated ? [value] : value;
      }
    }
    for (const { name, repeated, type: of } of fields) message[name] ??= repeated ? [] : zeroOf(of);
    return message;
  }

  function decodeField(type: string, wire: number, reader: Reader): Value {
    if (wire !== (isVarint(type) ? VARINT : BYTES)) throw new Error(`a ${type} with wire type ${wire}`);
    if (type === "uint64") return reader.bigVarint().toString();
    if (type === "bool") return reader.varint() !== 0;
    if (isVarint(type)) return reader.varint();
    const bytes = reader.bytes();
    if (types.has(type)) return decode(type, bytes);
    return type === "string" ? bytes.toString() : bytes;
  }

  function zeroOf(type: string): Value {
    if (types.has(type)) return decode(type, Buffer.alloc(0));
    if (type === "uint64") return "0";
    if (type === "bool") return false;
    if (isVarint(type)) return 0;
    return type === "string" ? "" : Buffer.alloc(0);
  }

  return { encode, decode };
}

function fieldOf([name, text]: [string, string]): Field {
  const [, repeated, type, id] = /^(repeated )?(\w+) (\d+)$/.exec(text)!;
  return { name, repeated: repeated !== undefined, type: type!, id: Number(id) };
}

function isVarint(type: string): boolean {
  return type === "int32" || type === "int64" || type === "uint64" || type === "bool";
}

/** `value`: a whole number of at least 0, as decimal text where a number would not be exact. */
function varint(value: number | string): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

interface Reader {
  done(): boolean;
  /** Exact up to 2^53: enough for revisions, counts and lengths. None of etcd's is negative. */
  varint(): number;
  bigVarint(): bigint;
  bytes(): Buffer;
  skip(wire: number): void;
}

/** Throws at bytes that end early. */
function createReader(bytes: Buffer): Reader {
  let at = 0;
  const take = (length: number) => {
    if (at + length > bytes.length) throw new Error("a message that ends early");
    at += length;
    return bytes.subarray(at - length, at);
  };
  const septets = () => {
    const start = at;
    while (take(1)[0]! > 127) if (at - start > 9) throw new Error("a number that does not end");
    return bytes.subarray(start, at);
  };
  const readVarint = () => septets().reduceRight((value, byte) => value * 128 + (byte & 127), 0);
  const readBytes = () => take(readVarint());
  return {
    done: () => at >= bytes.length,
    varint: readVarint,
    bigVarint: () => septets().reduceRight((value, byte) => value * 128n + BigInt(byte & 127), 0n),
    bytes: readBytes,
    skip: (wire) => {
      if (wire === VARINT) readVarint();
      else if (wire === FIXED64) take(8);
      else if (wire === BYTES) readBytes();
      else if (wire === FIXED32) take(4);
      else throw new Error(`wire type ${wire}`);
    },
  };
}
