import { connect, createServer, type Socket } from "node:net";

export interface FrozenProxy {
  address: string;
  /** Connections that stand now go silent in both directions, for good and without a word; new ones work. */
  freezeConnections(): void;
  /** How many bytes clients were sent so far. */
  sent(): number;
  close(): Promise<void>;
}

/** A TCP proxy to `target`, as a network that loses connections the way a power cut does. */
export async function startProxy(target: string): Promise<FrozenProxy> {
  const [host, port] = target.split(":") as [string, string];
  const pairs = new Set<[Socket, Socket]>();
  let sent = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), host);
    pairs.add([client, upstream]);
    upstream.on("data", (bytes) => {
      sent += bytes.length;
    });
    client.pipe(upstream);
    upstream.pipe(client);
    for (const socket of [client, upstream]) socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    freezeConnections: () => {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream);
        upstream.unpipe(client);
      }
    },
    sent: () => sent,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const pair of pairs) for (const socket of pair) socket.destroy();
      }),
  };
}
