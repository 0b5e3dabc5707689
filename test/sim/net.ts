import type { GenerationRef, Net, UdpHeartbeat } from "../../provider/agent/env";
import type { SimDisk } from "./disk";
import type { Links } from "./links";
import { createListeners } from "./listeners";
import type { SimProcess } from "./process";
import type { Random } from "./random";
import type { Scheduler } from "./scheduler";

/** An agent as its peers reach it. */
export interface Peer {
  process: SimProcess;
  disk: SimDisk;
  hear(heartbeat: UdpHeartbeat): void;
  handle(request: unknown): Promise<unknown>;
}

export interface NetOptions {
  host: string;
  process: SimProcess;
  disk: SimDisk;
  scheduler: Scheduler;
  links: Links;
  random: Random;
  /** The running agent of a host. */
  peerOf(host: string): Peer | null;
  /** Its kernel lives: it refuses what nobody listens to. */
  isOn(host: string): boolean;
  transferMs(): number;
}

export interface SimNet extends Net {
  hear(heartbeat: UdpHeartbeat): void;
}

/** How often a peer that works on an answer says so. */
const SIGN_MS = 50;
/** A connection that carries nothing is given up after this long. */
const STALL_MS = 3000;

export function createNet(o: NetOptions): SimNet {
  const { host, process, scheduler, links } = o;
  const listeners = createListeners<UdpHeartbeat>();
  let peers: string[] = [];

  const reaches = (peer: string) =>
    links.pass(host, peer) && links.pass(peer, host) && o.peerOf(peer) !== null;

  /** How a connection fails that cannot be made: refused at once where the kernel lives, else after `silenceMs`. */
  async function unreachable(peer: string, silenceMs: number): Promise<never> {
    const refused = links.pass(host, peer) && links.pass(peer, host) && o.isOn(peer);
    await process.wait(refused ? links.latency() : silenceMs);
    throw new Error(`${peer} ${refused ? "refuses connections" : "cannot be reached"}`);
  }

  async function transfer(peer: string, move: (other: Peer) => void): Promise<void> {
    if (!reaches(peer)) return unreachable(peer, STALL_MS);
    await process.wait(o.transferMs());
    const other = o.peerOf(peer);
    if (!other || !reaches(peer)) {
      await process.wait(STALL_MS);
      throw new Error(`the connection to ${peer} was lost`);
    }
    move(other);
  }

  return {
    hear: (heartbeat) => process.deliver(() => listeners.tell(heartbeat)),
    setPeers: (next) => {
      peers = next.map(({ name }) => name);
    },
    beat(sid) {
      for (const peer of peers) {
        if (!links.pass(host, peer) || o.random.chance(links.loss)) continue;
        const sentAt = links.clocksTold ? process.clock.now() : scheduler.now();
        scheduler.after(links.latency(), () => o.peerOf(peer)?.hear({ from: host, sid, sentAt }));
      }
    },
    onHeartbeat: listeners.add,
    sendGeneration: (peer, generation: GenerationRef) =>
      transfer(peer, (other) => other.disk.receive(generation, o.disk)),
    fetchGeneration: (peer, generation: GenerationRef, manifestSha) =>
      transfer(peer, (other) => {
        if (other.disk.hashOf(generation) !== manifestSha) throw new Error(`${peer} does not have it`);
        o.disk.receive(generation, other.disk, { named: true });
      }),
    async sendImages(peer, generation, { folder, dumped }) {
      await dumped;
      const image = o.disk.imageIn(folder);
      if (!image) throw new Error(`nothing was dumped into ${folder}`);
      await transfer(peer, (other) => other.disk.takeImages(generation, image));
    },
    async ask(peer, request, timeoutMs, silenceMs = timeoutMs) {
      if (!reaches(peer)) return unreachable(peer, Math.min(silenceMs, STALL_MS));
      await process.wait(links.latency());
      const asked = o.peerOf(peer);
      return new Promise((resolve, reject) => {
        let silent = 0;
        let answered = false;
        const listen = () => {
          if (answered) return;
          const now = o.peerOf(peer);
          // Its kernel resets what belonged to a process that is gone.
          if (now && now !== asked && reaches(peer)) return reject(new Error(`${peer} hung up`));
          const speaks = o.peerOf(peer) === asked && !asked?.process.paused && reaches(peer);
          silent = speaks ? 0 : silent + SIGN_MS;
          if (silent >= silenceMs) reject(new Error(`${peer} gave no sign of life for ${silenceMs} ms`));
          else process.after(SIGN_MS, listen);
        };
        listen();
        process.after(timeoutMs, () => reject(new Error(`${peer} did not answer within ${timeoutMs} ms`)));
        asked?.handle(request).then((answer) =>
          scheduler.after(links.latency(), () =>
            process.deliver(() => {
              if (!reaches(peer)) return;
              answered = true;
              resolve(answer);
            }),
          ),
        );
      });
    },
  };
}
