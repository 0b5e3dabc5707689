import { connect, type Socket } from "node:net";

/** One break that a connected client saw: from its last reply before to its first reply after, reconnect included. */
export interface Gap {
  ms: number;
  /** Monotonic ms of the last reply before. */
  from: number;
}

const SHORTEST_GAP_MS = 50;
const STEP_MS = 2;
const RECONNECT_MS = 20;
const FRESH_STEP_MS = 5;
const ATTEMPT_MS = 150;

/** Sends one command at a time over one connection and parses the simple replies that the tests need. */
export async function redisCommand(address: string, ...args: string[]): Promise<string> {
  const socket = await open(address);
  try {
    return await ask(socket, args);
  } finally {
    socket.destroy();
  }
}

/**
 * Asks on a fresh connection every `stepMs` until one is answered; `at`: when, Unix ms. A lost packet delays one attempt
 * by its retransmission, not the others.
 */
export async function firstReply(
  address: string,
  args: string[],
  limitMs: number,
  stepMs = FRESH_STEP_MS,
): Promise<{ at: number; reply: string }> {
  const deadline = performance.now() + limitMs;
  const ended = new AbortController();
  const attempt = async () => {
    const socket = await open(address, ATTEMPT_MS);
    ended.signal.addEventListener("abort", () => socket.destroy());
    return ask(socket, args, ATTEMPT_MS);
  };
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      if (performance.now() > deadline) {
        end();
        reject(new Error(`${address} did not answer within ${limitMs / 1000} s`));
        return;
      }
      attempt().then(
        (reply) => {
          end();
          resolve({ at: performance.timeOrigin + performance.now(), reply });
        },
        () => undefined,
      );
    }, stepMs);
    const end = () => {
      clearInterval(timer);
      ended.abort();
    };
  });
}

/**
 * A client with an open connection that increments `key` every 2 ms and keeps every gap above 50 ms. It reconnects at
 * once when it is told that its connection is gone or has waited `patienceMs` for a reply, and again a moment after it
 * was refused.
 */
export function startCounting(address: string, key: string, patienceMs = 5000) {
  const gaps: Gap[] = [];
  let last = performance.now();
  let value = 0;
  let replies = 0;
  let stopped = false;
  const done = run();

  async function run(): Promise<void> {
    let socket: Socket | null = null;
    while (!stopped) {
      try {
        socket ??= await open(address);
        value = Number(await ask(socket, ["INCR", key], patienceMs));
        replies += 1;
        const now = performance.now();
        if (now - last >= SHORTEST_GAP_MS) gaps.push({ ms: Math.round(now - last), from: last });
        last = now;
        await pause(STEP_MS);
      } catch {
        const wasConnected = socket !== null;
        socket?.destroy();
        socket = null;
        if (!wasConnected) await pause(RECONNECT_MS);
      }
    }
    socket?.destroy();
  }

  return {
    gaps,
    value: () => value,
    replies: () => replies,
    /** The gap that was still open at this time or began after it; undefined: answers go on without one. */
    gapAfter: (at: number) => gaps.find((gap) => gap.from + gap.ms >= at),
    lastReplyAt: () => last,
    async stop(): Promise<void> {
      stopped = true;
      await done;
    },
  };
}

/** Writes `keys` values of `bytes` each, many to a round trip. */
export async function fillRedis(
  address: string,
  { keys, bytes }: { keys: number; bytes: number },
): Promise<void> {
  const socket = await open(address);
  const value = "x".repeat(bytes);
  const batch = Math.max(1, Math.floor(1_000_000 / (bytes + 40)));
  try {
    for (let from = 0; from < keys; from += batch) {
      const pairs = Array.from({ length: Math.min(batch, keys - from) }, (_, index) => [
        `key:${from + index}`,
        value,
      ]);
      await ask(socket, ["MSET", ...pairs.flat()], 30_000);
    }
  } finally {
    socket.destroy();
  }
}

function open(address: string, timeoutMs = 5000): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port: 6379, noDelay: true });
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection to ${address} in ${timeoutMs} ms`)),
      timeoutMs,
    );
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once("close", () => reject(new Error("connection closed")));
  });
}

function ask(socket: Socket, args: string[], timeoutMs = 5000): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => end(new Error(`no reply in ${timeoutMs} ms`)), timeoutMs);
    const onData = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const reply = complete(text);
      if (reply === null) return;
      if (text.startsWith("-")) end(new Error(reply));
      else end(null, reply);
    };
    const onClose = () => end(new Error("connection closed"));
    const end = (error: Error | null, reply = "") => {
      clearTimeout(timer);
      socket.off("data", onData).off("close", onClose).off("error", end);
      if (error) reject(error);
      else resolve(reply);
    };
    socket.on("data", onData).on("close", onClose).on("error", end);
    socket.write(
      `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join("")}`,
    );
  });
}

/** The reply's text, or null while it is not complete. */
function complete(text: string): string | null {
  const head = text.indexOf("\r\n");
  if (head < 0) return null;
  const first = text.slice(1, head);
  if (!text.startsWith("$")) return first;
  const length = Number(first);
  if (length < 0) return "";
  return text.length >= head + 2 + length + 2 ? text.slice(head + 2, head + 2 + length) : null;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
