import { type ClientHttp2Session, connect as http2Connect } from "node:http2";
import { type SecureContext, type TLSSocket, connect as tlsConnect } from "node:tls";
import { atDeadline } from "./deadline";
import { GrpcStatus, unaryCall } from "./grpc";
import type { Method } from "./schema";

/** Time for a connection to come about; longer than a handshake on a busy host takes. */
const CONNECT_MS = 2000;
/** Pause after a connection that failed: at first, doubled with each failure, at most. */
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 200;
/** A connection that gave no reply for so long is replaced: its peer may have vanished without a word. */
const SILENT_MS = 1500;
/** The kernel asks after a connection that is not used, so that one to a dead host does not wait for its first use. */
const KEEPALIVE_MS = 1000;
/** A whole group is read in one round trip. */
const WINDOW_BYTES = 1 << 20;

/** What one etcd endpoint said or failed to say. */
export class EtcdError extends Error {
  readonly endpoint: string;
  /** gRPC status of etcd's own answer; null: the connection or the time ended the call. */
  readonly code: number | null;

  constructor(endpoint: string, cause: Error) {
    super(`${endpoint}: ${cause.message}`, { cause });
    this.name = "EtcdError";
    this.endpoint = endpoint;
    this.code = cause instanceof GrpcStatus ? cause.code : null;
  }
}

/** One etcd member, over one connection that is made again as needed. */
export interface Endpoint {
  /** Resolves when the connection stands. After a rejection no call was sent. */
  connect(timeoutMs: number): Promise<void>;
  /** One call; rejects with an EtcdError when there was no reply in time. It may have been sent all the same. */
  call<Request, Reply>(method: Method<Request, Reply>, request: Request, timeoutMs: number): Promise<Reply>;
  close(): void;
}

interface Link {
  socket: TLSSocket;
  session: ClientHttp2Session;
  /** The server has accepted this client and speaks HTTP/2. */
  ready: Promise<void>;
  /** When the first of the calls that are unanswered since the last reply ended; null: none is. */
  silentSince: number | null;
}

/** `address`: `10.0.0.1:7379` or `[fd00::1]:7379`. */
export function createEndpoint(o: {
  address: string;
  serverName?: string;
  secureContext: SecureContext;
}): Endpoint {
  const { address } = o;
  let link: Link | null = null;
  let closed = false;
  let backoff = { ms: 0, until: 0, cause: new Error("not connected yet") };

  async function linked(timeoutMs: number): Promise<Link> {
    if (closed) throw new Error("this endpoint is not used any more");
    const silentMs = performance.now() - (link?.silentSince ?? performance.now());
    if (silentMs > SILENT_MS) drop(link!);
    if (!link && performance.now() < backoff.until) throw backoff.cause;
    link ??= open();
    const used = link;
    await before(timeoutMs, used.ready, "no connection");
    return used;
  }

  function open(): Link {
    const { hostname, port } = new URL(`https://${address}`);
    const socket = tlsConnect({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port || 443),
      ...(o.serverName !== undefined && { servername: o.serverName }),
      secureContext: o.secureContext,
      ALPNProtocols: ["h2"],
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    const session = http2Connect(`https://${o.serverName ?? address}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    const fresh: Link = { socket, session, silentSince: null, ready: Promise.resolve() };
    fresh.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(new Error("no connection in time")), CONNECT_MS);
      const end = (cause: Error) => {
        clearTimeout(timer);
        if (link === fresh) {
          const ms = Math.min(Math.max(backoff.ms * 2, FIRST_BACKOFF_MS), MAX_BACKOFF_MS);
          backoff = { ms, until: performance.now() + ms, cause };
          link = null;
        }
        reject(cause);
        session.destroy();
        socket.destroy();
      };
      session.once("remoteSettings", () => {
        clearTimeout(timer);
        session.setLocalWindowSize(WINDOW_BYTES);
        backoff.ms = 0;
        resolve();
      });
      // Where etcd refuses this client's certificate, only the socket is told.
      socket.on("error", end);
      session.on("error", end);
      // The member is going: calls under way may end, new ones need another connection.
      session.once("goaway", () => {
        if (link === fresh) link = null;
        if (!session.closed) session.close();
      });
      session.once("close", () => end(new Error("the connection was closed")));
    });
    fresh.ready.catch(() => {});
    return fresh;
  }

  function drop(old: Link): void {
    if (link === old) link = null;
    old.session.destroy();
    // One that is still on its way to a silent host would keep a program from ending.
    old.socket.destroy();
  }

  async function connect(timeoutMs: number): Promise<void> {
    await linked(timeoutMs).catch((cause: Error) => {
      throw new EtcdError(address, cause);
    });
  }

  async function call<Request, Reply>(
    method: Method<Request, Reply>,
    request: Request,
    timeoutMs: number,
  ): Promise<Reply> {
    const until = performance.now() + timeoutMs;
    let used: Link | undefined;
    try {
      used = await linked(timeoutMs);
      const message = method.encode(request);
      const left = Math.max(until - performance.now(), 1);
      const reply = await unaryCall({ session: used.session, path: method.path, message, timeoutMs: left });
      used.silentSince = null;
      return method.decode(reply);
    } catch (cause) {
      if (used && cause instanceof GrpcStatus) used.silentSince = null;
      else if (used) used.silentSince ??= performance.now();
      throw new EtcdError(address, cause as Error);
    }
  }

  // So that a first rotation to this endpoint need not wait for a handshake.
  link = open();
  const close = () => {
    closed = true;
    if (link) drop(link);
  };
  return { connect, call, close };
}

function before<T>(timeoutMs: number, work: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`${what} in ${Math.round(timeoutMs)} ms`));
    work.then(resolve, reject).finally(atDeadline(timeoutMs, late));
  });
}
