import type { IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ConnectionOptions } from "node:tls";
import type { GenerationRef } from "../../env";
import type { GenerationDisk } from "../disk/disk";
import { growingFiles } from "../disk/growing";
import { generationText } from "../disk/layout";
import { encodePieces } from "../disk/pieces";
import { GenerationRefused } from "../disk/refused";
import type { Identity } from "./identity";
import { readText } from "./json-body";
import {
  generationPath,
  imagesPath,
  MANIFEST_HEADER,
  PROGRESS_HEADER,
  refusalFrom,
  STALL_MS,
} from "./protocol";

/** How many signs of life a peer gives in the time after which its silence counts. */
const SIGNS_IN_SILENCE = 5;

export interface Peer {
  name: string;
  address: string;
}

export interface PeerClient {
  send(peer: Peer, generation: GenerationRef): Promise<void>;
  fetch(peer: Peer, generation: GenerationRef, manifestSha: string): Promise<void>;
  sendImages(
    peer: Peer,
    generation: GenerationRef,
    images: { folder: string; dumped: Promise<unknown> },
  ): Promise<void>;
  ask(peer: Peer, request: unknown, timeoutMs: number, silenceMs?: number): Promise<unknown>;
}

/** Talks to the other agents' peer servers. A connection for each request: a stale one would cost more than it saves. */
export function createPeerClient(options: {
  port: number;
  identity: () => Identity;
  disk: GenerationDisk;
}): PeerClient {
  const { disk } = options;

  function open(peer: Peer, rest: RequestOptions & { headers?: Record<string, string> }) {
    const identity: Pick<ConnectionOptions, "secureContext"> = { secureContext: options.identity().context };
    return httpsRequest({
      host: peer.address,
      port: options.port,
      ...identity,
      servername: peer.name,
      // The group's CA vouches for the name; addresses may change.
      checkServerIdentity: (_, { subject }) =>
        subject.CN === peer.name
          ? undefined
          : new Error(`the host at ${peer.address} proves to be ${subject.CN}, expected ${peer.name}`),
      agent: false,
      ...rest,
      // The client closes, once it has read the answer.
      headers: { ...rest.headers, connection: "keep-alive" },
    });
  }

  async function send(peer: Peer, generation: GenerationRef): Promise<void> {
    const { manifestSha, stream } = await disk.send(generation);
    const headers = { [MANIFEST_HEADER]: manifestSha };
    await post(peer, { path: generationPath(generation), headers }, stream);
  }

  async function sendImages(
    peer: Peer,
    generation: GenerationRef,
    { folder, dumped }: { folder: string; dumped: Promise<unknown> },
  ): Promise<void> {
    await post(peer, { path: imagesPath(generation) }, encodePieces(growingFiles(folder, dumped)));
  }

  async function post(
    peer: Peer,
    to: { path: string; headers?: Record<string, string> },
    stream: Readable,
  ): Promise<void> {
    const request = open(peer, { method: "POST", timeout: STALL_MS, ...to });
    request.once("timeout", () => request.destroy(new Error(`no progress in ${STALL_MS} ms`)));
    const answer = answerOf(request);
    const feed = pipeline(stream, request);
    try {
      // An answer may come before all was sent: a refusal, or the peer has it already.
      const response = await Promise.race([
        answer,
        feed.then(
          () => answer,
          (error) => answerAfter(answer, error),
        ),
      ]);
      const body = await readText(response);
      if (response.statusCode !== 200) throw refusalFrom(peer.name, response.statusCode ?? 0, body);
    } catch (error) {
      if (error instanceof GenerationRefused) throw error;
      throw new GenerationRefused("failed", `${peer.name}: ${(error as Error).message}`, { cause: error });
    } finally {
      feed.catch(() => {});
      answer.catch(() => {});
      stream.destroy();
      request.destroy();
    }
  }

  async function fetch(peer: Peer, generation: GenerationRef, manifestSha: string): Promise<void> {
    const request = open(peer, { path: generationPath(generation), timeout: STALL_MS });
    request.once("timeout", () => request.destroy(new Error(`no progress in ${STALL_MS} ms`)));
    const answer = answerOf(request);
    request.end();
    try {
      const response = await answer;
      if (response.statusCode !== 200) {
        throw refusalFrom(peer.name, response.statusCode ?? 0, await readText(response));
      }
      const found = String(response.headers[MANIFEST_HEADER] ?? "");
      if (found !== manifestSha) {
        const what = `${peer.name} has another generation ${generationText(generation)}`;
        throw new GenerationRefused("mismatch", `${what}: its manifest has the hash ${found}`);
      }
      await disk.receive({ generation, manifestSha, stream: response, named: true });
    } finally {
      request.destroy();
    }
  }

  async function ask(peer: Peer, body: unknown, timeoutMs: number, silenceMs = timeoutMs): Promise<unknown> {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = {
      "content-type": "application/json",
      [PROGRESS_HEADER]: String(Math.round(silenceMs / SIGNS_IN_SILENCE)),
    };
    const request = open(peer, { method: "POST", path: "/ctl", headers, signal, timeout: silenceMs });
    request.once("timeout", () => request.destroy(new Error(`no sign of life in ${silenceMs} ms`)));
    const answer = answerOf(request);
    request.end(JSON.stringify(body));
    try {
      const response = await answer;
      const text = await readText(response);
      if (response.statusCode !== 200) throw refusalFrom(peer.name, response.statusCode ?? 0, text);
      return JSON.parse(text);
    } catch (error) {
      if (signal.aborted) throw new Error(`${peer.name} gave no reply in ${timeoutMs} ms`, { cause: error });
      throw new Error(`cannot ask ${peer.name}: ${(error as Error).message}`, { cause: error });
    } finally {
      request.destroy();
    }
  }

  return { send, fetch, sendImages, ask };
}

function answerOf(request: ReturnType<typeof httpsRequest>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
  });
}

/** A peer that refuses stops reading: its answer explains the broken pipe, where there still is one. */
function answerAfter(answer: Promise<IncomingMessage>, error: Error): Promise<IncomingMessage> {
  return answer.catch(() => {
    throw error;
  });
}
