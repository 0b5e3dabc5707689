import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface MetricsOptions {
  address: string;
  /** 0: any free port. */
  port: number;
  /** Called for each scrape; when it throws, the scrape fails with 503 and the error's message. */
  text: () => Promise<string>;
}

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

/** Serves `GET /metrics` in Prometheus' text format. Throws when it cannot listen. */
export async function startMetrics({ address, port, text }: MetricsOptions): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.method !== "GET" || request.url !== "/metrics") {
      response.writeHead(404).end("Only GET /metrics is served here.\n");
      return;
    }
    text().then(
      (body) =>
        response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(body),
      (error: Error) => response.writeHead(503).end(`${error.message}\n`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new Error(`Cannot serve metrics on ${address} port ${port}: ${error.message}. Choose another port.`, {
          cause: error,
        }),
      ),
    );
    server.listen(port, address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
