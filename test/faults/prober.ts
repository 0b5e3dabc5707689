import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";

/** A client that asks each millisecond, by UDP and over one TCP connection. */
export interface Prober {
  /** Unix ms of the last answer by UDP; 0: there was none yet. */
  lastAnswerAt(): number;
  /** Longest time without an answer by UDP since the last call, ms. */
  longestGap(): number;
  stop(): void;
}

export const PORT = 7000;
const STEP_MS = 1;
/** A connection without an answer for this long is given up, as applications do. */
const PATIENCE_MS = 1500;
const RECONNECT_MS = 50;

export function startProber(address: string): Prober {
  let asked = 0;
  let last = Date.now();
  let answeredAt = 0;
  let longest = 0;
  const datagrams = createSocket("udp4");
  datagrams.on("message", () => {
    const now = Date.now();
    longest = Math.max(longest, now - last);
    last = now;
    answeredAt = now;
  });
  // A host that is off makes the kernel complain; the next datagram is as good as any.
  datagrams.on("error", () => {});
  datagrams.connect(PORT, address);
  const stream = talk(address, () => `t${++asked}\n`);
  const timer = setInterval(() => {
    datagrams.send(`u${++asked}`, () => {});
    stream.ask();
  }, STEP_MS);
  return {
    lastAnswerAt: () => answeredAt,
    longestGap() {
      const result = Math.max(longest, Date.now() - last);
      longest = 0;
      return result;
    },
    stop() {
      clearInterval(timer);
      datagrams.close();
      stream.close();
    },
  };
}

/** One question at a time over one connection, which is made again when it is reset or gives no answer. */
function talk(address: string, question: () => string) {
  let socket: Socket | null = null;
  let waitingSince: number | null = null;
  let notBefore = 0;

  const open = () => {
    const fresh = connect({ host: address, port: PORT, noDelay: true });
    waitingSince = Date.now();
    fresh.on("connect", () => {
      waitingSince = null;
    });
    fresh.on("data", () => {
      waitingSince = null;
    });
    fresh.on("error", () => {});
    fresh.on("close", () => {
      if (socket === fresh) giveUp();
    });
    socket = fresh;
  };
  const giveUp = () => {
    const old = socket;
    socket = null;
    old?.destroy();
    notBefore = Date.now() + RECONNECT_MS;
  };
  return {
    ask() {
      const now = Date.now();
      if (!socket) return now >= notBefore ? open() : undefined;
      if (waitingSince === null) {
        waitingSince = now;
        socket.write(question());
      } else if (now - waitingSince > PATIENCE_MS) {
        giveUp();
      }
    },
    close() {
      socket?.destroy();
      socket = null;
    },
  };
}
