import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type CtlReply, type CtlRequest, ctlRequestSchema, parseJson } from "../../contract";
import { type EventSource, followEvents, listEvents } from "./event-stream";
import { listenUnix } from "./unix-listen";

const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** How long `close` lets requests that are being served end by themselves. */
const CLOSE_GRACE_MS = 1000;

export interface ApiOptions {
  /** `paths.agentSocket`; the folder exists. */
  socketPath: string;
  /** Serves a validated request. What it throws becomes `ok: false` with the error's message. */
  handle: (request: CtlRequest) => Promise<CtlReply>;
  events: EventSource;
}

export interface Api {
  /** Ends followers, gives running requests a second, removes the socket file. */
  close(): Promise<void>;
}

/**
 * The agent's local API, HTTP on a unix socket for root alone: `POST /ctl` (a CtlRequest), `GET /status`, and
 * `GET /events?limit=N&follow=1` (one JSON event a line). Everything but events is answered with a CtlReply.
 */
export async function startApi(options: ApiOptions): Promise<Api> {
  const followers = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    serve({ options, followers, request, response }).catch((error) =>
      send(response, refusal("failed", `The agent failed: ${messageOf(error)}`)),
    );
  });
  await listenUnix(server, options.socketPath);
  return {
    close: () =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        for (const follower of followers) follower.end();
      }),
  };
}

interface Exchange {
  options: ApiOptions;
  followers: Set<ServerResponse>;
  request: IncomingMessage;
  response: ServerResponse;
}

async function serve({ options, followers, request, response }: Exchange): Promise<void> {
  const url = new URL(request.url ?? "/", "http://agent");
  switch (`${request.method} ${url.pathname}`) {
    case "POST /ctl":
      return send(response, await answerCtl(options, request));
    case "GET /status":
      return send(response, await answer(options, { op: "status" }));
    case "GET /events": {
      const limit = Number(url.searchParams.get("limit") ?? 200);
      if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) {
        return send(response, refusal("invalid", "limit: expected a whole number from 1 to 10000"));
      }
      if (url.searchParams.get("follow") !== "1") return listEvents(options.events, limit, response);
      return followEvents({ events: options.events, limit, response, followers });
    }
    default:
      return send(
        response,
        refusal(
          "not-found",
          `Nothing is served at ${request.method} ${url.pathname}; expected POST /ctl, GET /status or GET /events.`,
        ),
      );
  }
}

async function answerCtl(options: ApiOptions, request: IncomingMessage): Promise<CtlReply> {
  let body: CtlRequest;
  try {
    body = parseJson(ctlRequestSchema, await readBody(request), "The request");
  } catch (error) {
    return refusal("invalid", messageOf(error));
  }
  return answer(options, body);
}

async function answer(options: ApiOptions, request: CtlRequest): Promise<CtlReply> {
  try {
    return await options.handle(request);
  } catch (error) {
    return refusal("failed", messageOf(error));
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // The rest is read and thrown away, so that the client gets to read the answer.
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (bytes > MAX_BODY_BYTES) {
    throw new Error(`The request has ${bytes} bytes, expected at most ${MAX_BODY_BYTES}`);
  }
  return Buffer.concat(chunks).toString("utf8");
}

type Refusal = Extract<CtlReply, { ok: false }>;

function refusal(code: Refusal["code"], message: string): Refusal {
  return { ok: false, code, message };
}

const httpStatus: Record<Refusal["code"], number> = {
  invalid: 400,
  conflict: 409,
  "not-found": 404,
  "no-quorum": 503,
  starting: 503,
  "not-yet": 503,
  refused: 409,
  failed: 500,
};

function send(response: ServerResponse, reply: CtlReply): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(reply.ok ? 200 : httpStatus[reply.code], { "content-type": "application/json" });
  response.end(`${JSON.stringify(reply)}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
