import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { pipeline } from "node:stream/promises";
import type { TLSSocket } from "node:tls";
import type { GenerationRef, Log } from "../../env";
import type { GenerationDisk } from "../disk/disk";
import type { Identity } from "./identity";
import { readJson } from "./json-body";
import { MANIFEST_HEADER, PROGRESS_HEADER, parseGenerationPath, refusalReply, STALL_MS } from "./protocol";

/** Says "still at it" while a request is worked on, so that its sender can tell that from a dead host. */
const PROGRESS_MS = 2000;

export interface PeerServer {
  start(): Promise<void>;
  /** For connections from now on. */
  setIdentity(identity: Identity): void;
  close(): Promise<void>;
}

/** The HTTPS server that the other agents of the group talk to; who talks is told by the certificate's CN. */
export function createPeerServer(options: {
  address: string;
  port: number;
  identity: Identity;
  isPeer: (name: string) => boolean;
  disk: GenerationDisk;
  ctl: (request: unknown) => Promise<unknown>;
  log: Log;
}): PeerServer {
  const { disk, log } = options;
  const server: Server = createServer(
    { ...tlsOptions(options.identity), requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      void handle(request, response).catch((error) => fail(request, response, error));
    },
  );
  // Transfers are long; what stands still is ended by the socket's timeout.
  server.requestTimeout = 0;
  server.setTimeout(STALL_MS);
  server.on("tlsClientError", (error) =>
    log.debug(`refused a connection to the peer port: ${error.message}`),
  );

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = commonName(request.socket as TLSSocket);
    if (name === null || !options.isPeer(name)) {
      return reply(response, 403, {
        message: `${name ?? "a client without a name"} is no member of this group`,
      });
    }
    const { kind, ...generation } = parseGenerationPath(request.url ?? "") ?? { kind: null };
    if (kind !== null && "epoch" in generation) {
      if (kind === "images" && request.method === "POST") return takeImages(generation, request, response);
      if (kind === "generation" && request.method === "POST") return take(generation, request, response);
      if (kind === "generation" && request.method === "GET") return give(generation, response);
    }
    if (request.url === "/ctl" && request.method === "POST") {
      const body = await readJson(request);
      const answer = withProgress(response, options.ctl(body), progressOf(request));
      return reply(response, 200, await answer);
    }
    reply(response, 404, { message: `nothing is served at ${request.method} ${request.url}` });
  }

  async function take(
    generation: GenerationRef,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const manifestSha = String(request.headers[MANIFEST_HEADER] ?? "");
    const received = disk.receive({ generation, manifestSha, stream: request });
    // Not before all has arrived: until then a sender that went silent must run into the timeout.
    request.once("end", () => void withProgress(response, received).catch(() => {}));
    await received;
    reply(response, 200, {});
    request.resume();
  }

  async function takeImages(
    generation: GenerationRef,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    await disk.receiveImages(generation, request);
    reply(response, 200, {});
    request.resume();
  }

  async function give(generation: GenerationRef, response: ServerResponse): Promise<void> {
    const { manifestSha, stream } = await disk.send(generation);
    response.writeHead(200, { [MANIFEST_HEADER]: manifestSha });
    await pipeline(stream, response);
  }

  function fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    log.debug(`${request.method} ${request.url}: ${(error as Error).message}`);
    if (response.headersSent) response.destroy();
    else {
      const { status, body } = refusalReply(error);
      reply(response, status, body);
      // Closing with data unread would reset the connection, and the answer with it.
      request.resume();
    }
  }

  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(options.port, options.address, () => {
          server.off("error", reject);
          server.on("error", (error) => log.warn(`peer port: ${error.message}`));
          resolve();
        });
      }),
    setIdentity: (identity) => server.setSecureContext(tlsOptions(identity)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function withProgress<T>(
  response: ServerResponse,
  work: Promise<T>,
  everyMs = PROGRESS_MS,
): Promise<T> {
  const timer = setInterval(() => {
    if (!response.headersSent) response.writeProcessing();
  }, everyMs);
  return work.finally(() => clearInterval(timer));
}

function progressOf(request: IncomingMessage): number {
  const wanted = Number(request.headers[PROGRESS_HEADER]);
  return wanted >= 20 ? Math.min(wanted, PROGRESS_MS) : PROGRESS_MS;
}

function tlsOptions({ ca, cert, key }: Identity) {
  return { ca, cert, key, minVersion: "TLSv1.3" as const };
}

/** CN of the verified client certificate. */
function commonName(socket: TLSSocket): string | null {
  const name: unknown = socket.authorized ? socket.getPeerCertificate().subject?.CN : null;
  return typeof name === "string" ? name : null;
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body ?? null));
}
