import { nameSchema, type Ports } from "../../../contract";
import type { GenerationRef, Log, Net, UdpHeartbeat } from "../../env";
import type { GenerationDisk } from "../disk/disk";
import { createHeartbeats, type Heartbeats } from "./heartbeats";
import { type Identity, readIdentity } from "./identity";
import { createPeerClient, type Peer } from "./peer-client";
import { createPeerServer, type PeerServer } from "./peer-server";

export interface NetOptions {
  group: string;
  host: string;
  /** Address between hosts; both ports listen on it alone. */
  address: string;
  ports: Pick<Ports, "peer" | "heartbeat">;
  /** Paths of PEM files. */
  tls: { ca: string; cert: string; key: string };
  /** Path of the keys of the UDP heartbeats. */
  heartbeatKeys: string;
  disk: GenerationDisk;
  log: Log;
}

export interface AgentNet extends Net {
  /** Listen; rejects when a port is taken, or certificates or keys cannot be read. */
  start(handlers: { ctl(request: unknown): Promise<unknown> }): Promise<void>;
  /** Read certificates and heartbeat keys again; connections from now on use them. Rejects and keeps the old ones. */
  reloadTls(): Promise<void>;
  close(): Promise<void>;
}

/** UDP heartbeats, generations and requests between the agents of a group. */
export function createNet(options: NetOptions): AgentNet {
  const { group, host, address, ports, disk, log } = options;
  const paths = { ...options.tls, heartbeatKeys: options.heartbeatKeys };
  const listeners: ((heartbeat: UdpHeartbeat) => void)[] = [];
  let peers = new Map<string, Peer>();
  let identity: Identity | undefined;
  let server: PeerServer | undefined;
  let heartbeats: Heartbeats | undefined;

  const isPeer = (name: string) => peers.has(name);
  const identityNow = () => {
    if (!identity) throw new Error("the network between agents is not started");
    return identity;
  };
  const client = createPeerClient({ port: ports.peer, identity: identityNow, disk });

  function peerNamed(name: string): Peer {
    const peer = peers.get(name);
    if (!peer)
      throw new Error(`${name} is no peer of ${host}; peers: ${[...peers.keys()].join(", ") || "none"}`);
    return peer;
  }

  return {
    setPeers: (list) => {
      const others = list.filter(({ name }) => name !== host && nameSchema.safeParse(name).success);
      peers = new Map(others.map((peer) => [peer.name, peer]));
    },
    beat: (sid) => heartbeats?.beat(sid, peers.values()),
    onHeartbeat: (listener) => void listeners.push(listener),
    sendGeneration: async (peer: string, generation: GenerationRef) =>
      client.send(peerNamed(peer), generation),
    fetchGeneration: async (peer: string, generation: GenerationRef, manifestSha: string) =>
      client.fetch(peerNamed(peer), generation, manifestSha),
    sendImages: async (peer, generation, images) => client.sendImages(peerNamed(peer), generation, images),
    ask: async (peer, request, timeoutMs, silenceMs) =>
      client.ask(peerNamed(peer), request, timeoutMs, silenceMs),

    start: async ({ ctl }) => {
      identity = await readIdentity(paths);
      server = createPeerServer({ address, port: ports.peer, identity, isPeer, disk, ctl, log });
      heartbeats = createHeartbeats({
        group,
        host,
        address,
        port: ports.heartbeat,
        keys: () => identityNow().heartbeatKeys,
        isPeer,
        receive: (heartbeat) => {
          for (const listener of listeners) listener(heartbeat);
        },
        log,
      });
      await Promise.all([server.start(), heartbeats.start()]);
    },
    reloadTls: async () => {
      identity = await readIdentity(paths);
      server?.setIdentity(identity);
    },
    close: async () => {
      await Promise.all([server?.close(), heartbeats?.close()]);
    },
  };
}
