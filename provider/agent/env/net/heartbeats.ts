import { createSocket, type Socket, type SocketOptions } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Log, UdpHeartbeat } from "../../env";
import { decodePacket, encodePacket } from "./packet";
import { createReplayGuard } from "./replay";

type Lookup = NonNullable<SocketOptions["lookup"]>;

export interface Heartbeats {
  start(): Promise<void>;
  beat(sid: string, peers: Iterable<{ address: string }>): void;
  close(): Promise<void>;
}

/** UDP heartbeats; `isPeer` tells whose are listened to. */
export function createHeartbeats(options: {
  group: string;
  host: string;
  address: string;
  port: number;
  keys: () => Buffer[];
  isPeer: (name: string) => boolean;
  receive: (heartbeat: UdpHeartbeat) => void;
  log: Log;
}): Heartbeats {
  const { group, host, address, port } = options;
  const isNew = createReplayGuard();
  let socket: Socket | undefined;
  let lastSeq = 0n;

  function take(bytes: Buffer): void {
    const packet = decodePacket(bytes, options.keys());
    if (packet?.group !== group || packet.from === host || !options.isPeer(packet.from)) return;
    if (isNew(packet)) {
      const { from, sid, monotonic } = packet;
      options.receive({ from, sid, sentAt: Number(monotonic) / 1e6 });
    }
  }

  return {
    start: () =>
      new Promise((resolve, reject) => {
        const family = isIPv6(address) ? 6 : 4;
        // Peers are addresses: to look each of them up, for each packet, costs more than to send it.
        const lookup: Lookup = (host, _options, found) => found(null, host, family);
        socket = createSocket({ type: `udp${family}`, reuseAddr: false, lookup });
        socket.on("message", take);
        socket.once("error", reject);
        socket.bind(port, address, () => {
          socket!.off("error", reject);
          socket!.on("error", (error) => options.log.warn(`heartbeat socket: ${error.message}`));
          resolve();
        });
      }),

    beat: (sid, peers) => {
      const monotonic = process.hrtime.bigint();
      // The clock runs on over a restart of the agent, which keeps its sid; so does the sequence.
      lastSeq = monotonic > lastSeq ? monotonic : lastSeq + 1n;
      const packet = encodePacket({ group, from: host, sid, seq: lastSeq, monotonic }, options.keys()[0]!);
      for (const peer of peers) {
        socket?.send(packet, port, peer.address, (error) => {
          if (error) options.log.debug(`heartbeat to ${peer.address}: ${error.message}`);
        });
      }
    },

    close: () =>
      new Promise((resolve) => {
        const closing = socket;
        socket = undefined;
        if (closing) closing.close(() => resolve());
        else resolve();
      }),
  };
}
