import { connect } from "node:net";

/**
 * Increments a key over one connection that is never opened again, and finds any reply that is lost, repeated or out
 * of order. Resolves when connected.
 */
export async function steadyClient(address: string, key: string) {
  const socket = connect({ host: address, port: 6379, noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.once("error", reject);
  });
  const faults: string[] = [];
  let value = 0;
  let longestMs = 0;
  let lastAt = performance.now();
  let stopped = false;
  let closedAt: number | null = null;
  let text = "";
  const ask = () => socket.write(`*2\r\n$4\r\nINCR\r\n$${key.length}\r\n${key}\r\n`);
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
    for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
      const reply = text.slice(0, end);
      text = text.slice(end + 2);
      if (value > 0 && reply !== `:${value + 1}`) faults.push(`${reply} after :${value}`);
      value = Number(reply.slice(1));
      longestMs = Math.max(longestMs, performance.now() - lastAt);
      lastAt = performance.now();
      if (!stopped) setTimeout(ask, 1);
    }
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closedAt = performance.now();
  });
  ask();
  return {
    faults,
    value: () => value,
    localPort: socket.localPort!,
    /** The longest wait for a reply since the last call. */
    longestGap() {
      const longest = longestMs;
      longestMs = 0;
      return longest;
    },
    /** When the connection ended (`performance.now()`); null: it has not. */
    closedAt: () => closedAt,
    stop() {
      stopped = true;
      socket.destroy();
    },
  };
}
