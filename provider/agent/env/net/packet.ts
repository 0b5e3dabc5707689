import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";

const VERSION = 1;
const KEY_ID_BYTES = 4;
const MAC_BYTES = 16;
const MAX_BYTES = 200;

/** One UDP heartbeat: version, key id, group, from, sid, sequence, time, then 16 bytes of HMAC-SHA256 over all that. */
export interface Packet {
  group: string;
  from: string;
  sid: string;
  /** Strictly increasing for a sid. */
  seq: bigint;
  /** The sender's monotonic clock, ns. */
  monotonic: bigint;
}

/** The longest names that the contract allows fit. */
export function encodePacket(packet: Packet, key: Buffer): Buffer {
  // One buffer: many packets a second are a good part of what an idle agent does.
  const bytes = Buffer.alloc(MAX_BYTES);
  bytes[0] = VERSION;
  keyId(key).copy(bytes, 1);
  let at = 1 + KEY_ID_BYTES;
  for (const text of [packet.group, packet.from, packet.sid]) {
    const length = bytes.write(text, at + 1);
    bytes[at] = length;
    at += 1 + length;
  }
  at = bytes.writeBigUInt64BE(packet.seq, at);
  at = bytes.writeBigUInt64BE(packet.monotonic, at);
  macOf(bytes.subarray(0, at), key).copy(bytes, at);
  return bytes.subarray(0, at + MAC_BYTES);
}

/** Null for anything that was not made with one of the keys. Never throws, whatever the bytes are. */
export function decodePacket(bytes: Buffer, keys: Buffer[]): Packet | null {
  if (bytes.length > MAX_BYTES || bytes.length <= 1 + KEY_ID_BYTES + MAC_BYTES || bytes[0] !== VERSION)
    return null;
  const id = bytes.subarray(1, 1 + KEY_ID_BYTES);
  const key = keys.find((candidate) => keyId(candidate).equals(id));
  if (!key) return null;
  const body = bytes.subarray(0, -MAC_BYTES);
  if (!timingSafeEqual(macOf(body, key), bytes.subarray(-MAC_BYTES))) return null;
  return parseBody(body);
}

/** 32 bytes in hex a line; the first key sends, all verify. Throws without showing what it read. */
export function parseKeys(text: string): Buffer[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const wrong = lines.findIndex((line) => !/^[0-9a-f]{64}$/i.test(line.trim()));
  if (wrong >= 0) throw new Error(`heartbeat keys: line ${wrong + 1} is not 32 bytes in hex`);
  if (lines.length === 0) throw new Error("heartbeat keys: expected at least one key, found none");
  return lines.map((line) => Buffer.from(line.trim(), "hex"));
}

function parseBody(body: Buffer): Packet | null {
  let at = 1 + KEY_ID_BYTES;
  const texts: string[] = [];
  for (let field = 0; field < 3; field++) {
    const length = body[at];
    if (length === undefined || at + 1 + length > body.length) return null;
    texts.push(body.toString("utf8", at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (body.length !== at + 16) return null;
  const [group, from, sid] = texts as [string, string, string];
  return { group, from, sid, seq: body.readBigUInt64BE(at), monotonic: body.readBigUInt64BE(at + 8) };
}

/** What follows from a key alone: worked out once, not for each of many packets a second. */
const derived = new WeakMap<Buffer, { id: Buffer; secret: KeyObject }>();

function derivedFrom(key: Buffer): { id: Buffer; secret: KeyObject } {
  let known = derived.get(key);
  if (!known) {
    const id = createHash("sha256").update(key).digest().subarray(0, KEY_ID_BYTES);
    known = { id, secret: createSecretKey(key) };
    derived.set(key, known);
  }
  return known;
}

function keyId(key: Buffer): Buffer {
  return derivedFrom(key).id;
}

function macOf(body: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", derivedFrom(key).secret).update(body).digest().subarray(0, MAC_BYTES);
}
