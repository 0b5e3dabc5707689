import type { Readable } from "node:stream";

/** One packet of a capture on all interfaces (LINUX_SLL2). */
export interface Packet {
  /** Unix ms, fractions to the nanosecond. */
  at: number;
  interfaceIndex: number;
  /** The IPv4 packet. */
  ip: Buffer;
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const COOKED_HEADER = 20;
const IPV4 = 0x0800;

/** Calls `onPacket` for each IPv4 packet of what `tcpdump -w - --time-stamp-precision=nano` writes. */
export function readPackets(stream: Readable, onPacket: (packet: Packet) => void): void {
  let rest = Buffer.alloc(0);
  let headerRead = false;
  stream.on("data", (chunk: Buffer) => {
    let data = Buffer.concat([rest, chunk]);
    if (!headerRead && data.length >= FILE_HEADER) {
      data = data.subarray(FILE_HEADER);
      headerRead = true;
    }
    while (headerRead && data.length >= RECORD_HEADER) {
      const end = RECORD_HEADER + data.readUInt32LE(8);
      if (data.length < end) break;
      const at = data.readUInt32LE(0) * 1000 + data.readUInt32LE(4) / 1e6;
      const packet = packetOf(at, data.subarray(RECORD_HEADER, end));
      if (packet) onPacket(packet);
      data = data.subarray(end);
    }
    rest = data;
  });
}

function packetOf(at: number, frame: Buffer): Packet | null {
  if (frame.length <= COOKED_HEADER || frame.readUInt16BE(0) !== IPV4) return null;
  return { at, interfaceIndex: frame.readUInt32BE(4), ip: frame.subarray(COOKED_HEADER) };
}

/** What the packet carries above UDP or TCP, as text; empty where it carries nothing. */
export function payloadOf(ip: Buffer): { protocol: "udp" | "tcp" | "other"; source: string; text: string } {
  const headerLength = (ip[0]! & 15) * 4;
  const source = ip.subarray(12, 16).join(".");
  const packet = ip.subarray(0, ip.readUInt16BE(2));
  const above = packet.subarray(headerLength);
  if (ip[9] === 17) return { protocol: "udp", source, text: above.toString("latin1", 8) };
  if (ip[9] === 6) return { protocol: "tcp", source, text: above.toString("latin1", (above[12]! >> 4) * 4) };
  return { protocol: "other", source, text: "" };
}
