import {
  Client,
  type ClientUnaryCall,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
  type status,
} from "@grpc/grpc-js";
import { type Method, methods } from "./schema";

/** PEM texts. */
export interface TlsTexts {
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
}

/** What one etcd endpoint said or failed to say. */
export class EtcdError extends Error {
  readonly endpoint: string;
  /** gRPC status; null: the connection or the time ended it. */
  readonly code: status | null;

  constructor(o: { endpoint: string; code: status | null; message: string }) {
    super(`${o.endpoint}: ${o.message}`);
    this.name = "EtcdError";
    this.endpoint = o.endpoint;
    this.code = o.code;
  }
}

/** One etcd member, over one channel of its own. */
export interface Endpoint {
  /** Resolves when the connection stands. After a rejection no call was sent. */
  connect(timeoutMs: number): Promise<void>;
  /** One call; rejects with an EtcdError when there was no reply in time. It may have been sent all the same. */
  call<Request, Reply>(method: Method<Request, Reply>, request: Request, timeoutMs: number): Promise<Reply>;
  close(): void;
}

export function createEndpoint(options: { address: string; serverName: string; tls: TlsTexts }): Endpoint {
  const { address, serverName, tls } = options;
  const client = new Client(address, credentials.createSsl(tls.ca, tls.key, tls.cert), {
    "grpc.ssl_target_name_override": serverName,
    "grpc.default_authority": serverName,
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.min_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 200,
    "grpc.keepalive_time_ms": 1000,
    "grpc.keepalive_timeout_ms": 1000,
    // A renewed channel must not inherit a connection that has gone silent.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_channelz": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.max_receive_message_length": -1,
  });
  const channel = client.getChannel();
  channel.getConnectivityState(true);

  function call<Request, Reply>(
    method: Method<Request, Reply>,
    request: Request,
    timeoutMs: number,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      let pending: ClientUnaryCall | undefined;
      // A timer of our own: gRPC's deadlines are wall time, and a clock jump must not stretch or end a call.
      const timer = setTimeout(() => {
        pending?.cancel();
        reject(
          new EtcdError({
            endpoint: address,
            code: null,
            message: `no reply in ${Math.round(timeoutMs)} ms`,
          }),
        );
      }, timeoutMs);
      pending = client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        {},
        (error: ServiceError | null, reply?: Reply) => {
          clearTimeout(timer);
          if (error) reject(new EtcdError({ endpoint: address, code: error.code, message: error.details }));
          else resolve(reply!);
        },
      );
    });
  }

  async function connect(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return;
      const left = until - performance.now();
      // The state has no reason; a harmless call on the broken channel does.
      if (state === connectivityState.TRANSIENT_FAILURE) await call(methods.status, {}, Math.max(left, 1));
      else await stateChange(state, left);
    }
  }

  function stateChange(from: connectivityState, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () =>
        reject(new EtcdError({ endpoint: address, code: null, message: "no connection in time" }));
      if (timeoutMs <= 0) return late();
      const timer = setTimeout(late, timeoutMs);
      channel.watchConnectivityState(from, Date.now() + timeoutMs, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  return { connect, call, close: () => client.close() };
}
