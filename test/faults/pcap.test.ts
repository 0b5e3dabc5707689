import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { type Packet, payloadOf, readPackets } from "./pcap";

describe("a capture on all interfaces", () => {
  /** A datagram with `text` from 10.0.0.9, arrived at interface 7. */
  function record(text: string): Buffer {
    const ip = Buffer.alloc(28 + text.length);
    ip.writeUInt8(0x45, 0);
    ip.writeUInt16BE(ip.length, 2);
    ip.writeUInt8(17, 9);
    ip.set([10, 0, 0, 9], 12);
    ip.write(text, 28);
    const cooked = Buffer.alloc(20);
    cooked.writeUInt16BE(0x0800, 0);
    cooked.writeUInt32BE(7, 4);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(100, 0);
    header.writeUInt32LE(250_000_000, 4);
    header.writeUInt32LE(cooked.length + ip.length, 8);
    return Buffer.concat([header, cooked, ip]);
  }

  it("is read packet by packet, however it comes in pieces", () => {
    const stream = new PassThrough();
    const packets: Packet[] = [];
    readPackets(stream, (packet) => packets.push(packet));
    const file = Buffer.concat([Buffer.alloc(24), record("first"), record("second")]);
    for (let from = 0; from < file.length; from += 13) stream.emit("data", file.subarray(from, from + 13));
    assert.deepEqual(
      packets.map(({ at, interfaceIndex, ip }) => ({ at, interfaceIndex, ...payloadOf(ip) })),
      ["first", "second"].map((text) => ({
        at: 100_250,
        interfaceIndex: 7,
        protocol: "udp",
        source: "10.0.0.9",
        text,
      })),
    );
  });

  it("shows no padding of short frames as content", () => {
    const ip = record("x").subarray(36);
    assert.equal(payloadOf(Buffer.concat([ip, Buffer.alloc(10)])).text, "x");
  });
});
