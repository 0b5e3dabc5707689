import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import * as fc from "fast-check";
import {
  decodePacket,
  encodePacket,
  type Packet,
  parseKeys,
} from "../../../../provider/agent/env/net/packet";
import { createReplayGuard } from "../../../../provider/agent/env/net/replay";

const key = randomBytes(32);
const packet: Packet = { group: "prod", from: "ha1", sid: "5b1c", seq: 2n ** 63n, monotonic: 12n };

describe("heartbeat packets", () => {
  it("are read back as they were written, with the longest names within 200 bytes", () => {
    assert.deepEqual(decodePacket(encodePacket(packet, key), [key]), packet);
    const longest = { ...packet, group: "g".repeat(40), from: "h".repeat(40), sid: "s".repeat(36) };
    const bytes = encodePacket(longest, key);
    assert.ok(bytes.length <= 200, `${bytes.length} bytes`);
    assert.deepEqual(decodePacket(bytes, [key]), longest);
  });

  it("verify with every key of a rotation", () => {
    const next = randomBytes(32);
    assert.deepEqual(decodePacket(encodePacket(packet, key), [next, key]), packet);
    assert.equal(decodePacket(encodePacket(packet, key), [next]), null);
  });

  it("are ignored when any one bit was changed", () => {
    const bytes = encodePacket(packet, key);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const forged = Buffer.from(bytes);
      forged[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(decodePacket(forged, [key]), null, `bit ${bit}`);
    }
  });

  it("are ignored when they are cut off anywhere or something is appended", () => {
    const bytes = encodePacket(packet, key);
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(decodePacket(bytes.subarray(0, length), [key]), null, `${length} bytes`);
    }
    assert.equal(decodePacket(Buffer.concat([bytes, Buffer.from([0])]), [key]), null);
  });

  it("never throw, whatever arrives, even when it carries a valid code", () => {
    const header = encodePacket(packet, key).subarray(0, 5);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 250 }), (noise) => {
        assert.equal(decodePacket(Buffer.from(noise), [key]), null);
        const body = Buffer.concat([header, noise]);
        const mac = createHmac("sha256", key).update(body).digest().subarray(0, 16);
        decodePacket(Buffer.concat([body, mac]), [key]);
      }),
    );
  });
});

describe("heartbeat keys", () => {
  it("are 32 bytes in hex, one a line", () => {
    const other = randomBytes(32);
    assert.deepEqual(parseKeys(`${key.toString("hex")}\n${other.toString("hex").toUpperCase()}\n\n`), [
      key,
      other,
    ]);
  });

  it("that are wrong are refused without being shown", () => {
    assert.throws(() => parseKeys(`${key.toString("hex")}\ndeadbeef\n`), {
      message: "heartbeat keys: line 2 is not 32 bytes in hex",
    });
    assert.throws(() => parseKeys("\n"), /expected at least one key/);
  });
});

describe("the guard against replayed heartbeats", () => {
  const of = (sid: string, seq: bigint, from = "ha2") => ({ ...packet, from, sid, seq });

  it("takes a sequence number once and never an older one", () => {
    const isNew = createReplayGuard();
    const seen = [1n, 2n, 2n, 1n, 3n].map((seq) => isNew(of("a", seq)));
    assert.deepEqual(seen, [true, true, false, false, true]);
  });

  it("keeps the numbers of each sid and each host apart, also when an old sid is replayed", () => {
    const isNew = createReplayGuard();
    assert.ok(isNew(of("old", 100n)));
    assert.ok(isNew(of("new", 5n)));
    assert.ok(!isNew(of("old", 100n)));
    assert.ok(!isNew(of("new", 5n)));
    assert.ok(isNew(of("old", 100n, "ha3")));
  });
});
