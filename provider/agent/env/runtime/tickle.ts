import { isIPv6 } from "node:net";
import type { Connection, ContainerSpec } from "../../../contract";
import { inNetns, sendSegments } from "./commands/netns";
import type { RuntimeContext } from "./context";
import { needPid, needRecord } from "./copies";
import { run } from "./exec";
import { readSyns } from "./syns";

const AT_ONCE = 8;
const SEND_TIMEOUT_MS = 5_000;

/**
 * One acknowledgement outside of the window to each client. One that was connected answers with its true sequence
 * number, this host's kernel, which knows no such connection, resets exactly that, and the client connects anew instead
 * of waiting for its retransmission. One whose request for a connection met the closed gate takes it for the rest of an
 * older connection and sends its request again at once (Linux 5.7 and later), not after 1 s; another asks again in its
 * own time. A connection that goes on is not disturbed.
 */
export async function tickle(
  context: RuntimeContext,
  { spec, connections }: { spec: ContainerSpec; connections: Connection[] },
): Promise<void> {
  const container = spec.name;
  const pid = needPid(context, needRecord(container));
  const failed: string[] = [];
  const send = async (clients: Connection[]) => {
    const batches = byPeer(clients);
    const worker = async () => {
      for (let batch = batches.pop(); batch; batch = batches.pop()) {
        const { from, to, segments } = batch;
        const family = isIPv6(to) ? 6 : 4;
        await run(inNetns(pid, sendSegments({ from, to, family })), {
          input: Buffer.concat(segments),
          timeoutMs: SEND_TIMEOUT_MS,
        }).catch((error: Error) => failed.push(`${to}: ${error.message}`));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };
  await Promise.all([send(connections), readSyns(context, spec.virtualIps).then(send)]);
  if (failed.length > 0) {
    context.log.warn(`${container}: ${failed.length} clients were not told that it serves: ${failed[0]}`);
  }
}

/** One program run per pair of addresses, whatever the number of its connections. */
export function byPeer(connections: Connection[]): { from: string; to: string; segments: Buffer[] }[] {
  const batches = new Map<string, { from: string; to: string; segments: Buffer[] }>();
  for (const connection of connections) {
    const { local: from, remote: to } = connection;
    const key = `${from} ${to}`;
    const batch = batches.get(key) ?? { from, to, segments: [] };
    batch.segments.push(acknowledgement(connection));
    batches.set(key, batch);
  }
  return [...batches.values()];
}

/** A TCP header of 20 bytes with ACK set, sequence and acknowledgement number 1. */
export function acknowledgement({ local, localPort, remote, remotePort }: Connection): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(localPort, 0);
  header.writeUInt16BE(remotePort, 2);
  header.writeUInt32BE(1, 4);
  header.writeUInt32BE(1, 8);
  header.writeUInt8(5 << 4, 12);
  header.writeUInt8(0x10, 13);
  header.writeUInt16BE(64, 14);
  header.writeUInt16BE(checksum(Buffer.concat([pseudoHeader(local, remote, header.length), header])), 16);
  return header;
}

function pseudoHeader(local: string, remote: string, length: number): Buffer {
  const addresses = Buffer.concat([addressBytes(local), addressBytes(remote)]);
  if (!isIPv6(local)) return Buffer.concat([addresses, Buffer.from([0, 6, length >> 8, length & 0xff])]);
  return Buffer.concat([addresses, Buffer.from([0, 0, length >> 8, length & 0xff, 0, 0, 0, 6])]);
}

/** The Internet checksum of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset < bytes.length; offset += 2) sum += bytes.readUInt16BE(offset);
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  return ~sum & 0xffff;
}

function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = address.split("::");
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const middle = Array<number>(8 - front.length - back.length).fill(0);
  return Buffer.from([...front, ...middle, ...back].flatMap((group) => [group >> 8, group & 0xff]));
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
