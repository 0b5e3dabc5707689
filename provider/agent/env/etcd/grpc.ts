import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { constants } from "node:http2";
import { atDeadline } from "./deadline";

/** gRPC status codes that are told apart. */
export const status = { OK: 0, INVALID_ARGUMENT: 3, PERMISSION_DENIED: 7 } as const;

/** The server's own answer that it did not do what was asked. */
export class GrpcStatus extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = "GrpcStatus";
    this.code = code;
  }
}

/** One message there and one back. Rejects with a GrpcStatus where the server said so, else because of the link. */
export function unaryCall(o: {
  session: ClientHttp2Session;
  path: string;
  message: Buffer;
  timeoutMs: number;
}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = o.session.request({
      ":method": "POST",
      ":path": o.path,
      te: "trailers",
      "content-type": "application/grpc",
    });
    const chunks: Buffer[] = [];
    let headers: IncomingHttpHeaders = {};
    let cause: Error | undefined;
    const callOff = atDeadline(o.timeoutMs, () => {
      cause = new Error(`no reply in ${Math.round(o.timeoutMs)} ms`);
      reject(cause);
      stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on("response", (got) => {
      headers = { ...headers, ...got };
    });
    stream.on("trailers", (got) => {
      headers = { ...headers, ...got };
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", (error) => {
      cause ??= error;
    });
    stream.on("close", () => {
      callOff();
      const code = headers["grpc-status"];
      if (code === undefined) reject(cause ?? new Error("the connection was lost before a reply"));
      else if (Number(code) !== status.OK) reject(new GrpcStatus(Number(code), messageOf(headers)));
      else {
        const reply = unframed(Buffer.concat(chunks));
        if (reply) resolve(reply);
        else reject(new Error("a reply that is not one whole gRPC message"));
      }
    });
    stream.end(framed(o.message));
  });
}

/** A gRPC message: not compressed, length, content. */
function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  return frame;
}

function unframed(bytes: Buffer): Buffer | null {
  const isWhole = bytes.length >= 5 && bytes[0] === 0 && bytes.readUInt32BE(1) === bytes.length - 5;
  return isWhole ? bytes.subarray(5) : null;
}

function messageOf(headers: IncomingHttpHeaders): string {
  const text = String(headers["grpc-message"] ?? `gRPC status ${headers["grpc-status"]}`);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
