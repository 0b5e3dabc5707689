import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { createSecureContext, type SecureContext } from "node:tls";
import { createEndpoint, type Endpoint, EtcdError } from "./endpoint";
import { hedged } from "./hedge";
import { createRotation, localLast, type Rotation } from "./rotation";
import {
  type Method,
  methods,
  type RangeRequest,
  type RangeResponse,
  type TxnRequest,
  type TxnResponse,
} from "./schema";

/** etcd answers in a few ms; who has not for so long is slow or dead, and the next one is asked as well. */
const HESITATION_MS = 40;
/** Time for an endpoint that failed to show that it lives again. */
const PROBE_MS = 1000;

export interface EtcdOptions {
  /** `address:port`, in order of preference; those of this host are asked last. */
  endpoints: string[];
  /** DNS name that every etcd certificate carries. @default that of the endpoint */
  serverName?: string;
  /** Paths of PEM files. */
  tls: { ca: string; cert: string; key: string };
}

/** etcd's members, one channel each. */
export interface Etcd {
  /**
   * Linearizable. Who hesitates does not hold up the answer: the next one is asked beside it. `refuse` tells why a
   * reply is not to be believed, or null.
   */
  range(
    request: RangeRequest,
    timeoutMs: number,
    refuse: (reply: RangeResponse) => string | null,
  ): Promise<RangeResponse>;
  /** Sent to one endpoint at most: another one is tried only where the request surely was not sent. */
  txn(request: TxnRequest, timeoutMs: number): Promise<TxnAttempt>;
  /** Move the leadership from the member named `from`, if it leads, to the one named `to`. */
  moveLeader(names: { from: string; to: string }, timeoutMs: number): Promise<void>;
  setEndpoints(endpoints: string[]): void;
  /** Read the PEM files again and connect anew. Throws and keeps the old ones where they cannot be used. */
  reloadTls(): void;
  close(): void;
}

export type TxnAttempt =
  | { reply: TxnResponse }
  /** `sent: false`: surely not; nothing was or will be applied. */
  | { error: Error; sent: boolean };

interface Chosen {
  address: string;
  endpoint: Endpoint;
}

export function createEtcd(options: EtcdOptions): Etcd {
  const now = () => performance.now();
  let secureContext = readTls(options.tls);
  let endpoints = new Map<string, Endpoint>();
  let rotation: Rotation;
  setEndpoints(options.endpoints);

  function setEndpoints(addresses: string[]): void {
    // What is known of them must not be forgotten by hearing their names again.
    if (addresses.length === endpoints.size && addresses.every((address) => endpoints.has(address))) return;
    const kept = new Map<string, Endpoint>();
    for (const address of addresses) kept.set(address, endpoints.get(address) ?? open(address));
    for (const [address, endpoint] of endpoints) if (!kept.has(address)) endpoint.close();
    endpoints = kept;
    rotation = createRotation(localLast([...kept.keys()], ownAddresses()), now);
  }

  function open(address: string): Endpoint {
    return createEndpoint({ address, serverName: options.serverName, secureContext });
  }

  function reloadTls(): void {
    secureContext = readTls(options.tls);
    for (const [address, endpoint] of endpoints) {
      endpoint.close();
      endpoints.set(address, open(address));
    }
  }

  /** One call; only a reply clears the endpoint's name, a standing connection may be a dead one. */
  async function ask<Request, Reply>(
    { address, endpoint }: Chosen,
    method: Method<Request, Reply>,
    request: Request,
    timeoutMs: number,
  ): Promise<Reply> {
    const reply = await endpoint.call(method, request, timeoutMs);
    rotation.succeeded(address);
    return reply;
  }

  /** What `attempt` gives at the first endpoint that answers. */
  function anywhere<T>(
    timeoutMs: number,
    attempt: (chosen: Chosen, timeoutMs: number) => Promise<T>,
  ): Promise<T> {
    tryAgain();
    const known = endpoints;
    return hedged({
      addresses: rotation.order(),
      hesitationMs: HESITATION_MS,
      timeoutMs,
      attempt: (address, left) => attempt({ address, endpoint: known.get(address)! }, left),
      onFailure: blame,
    });
  }

  /** An answer that it cannot do it now, as during an election, is a sign of life. */
  function blame(address: string, cause: Error): void {
    if (cause instanceof EtcdError && cause.code !== null) rotation.succeeded(address);
    else rotation.failed(address);
  }

  /** Nobody waits for an endpoint that failed: it is asked beside the others until it answers. */
  function tryAgain(): void {
    for (const address of rotation.due()) {
      const chosen = { address, endpoint: endpoints.get(address)! };
      ask(chosen, methods.status, {}, PROBE_MS).catch((cause: Error) => blame(address, cause));
    }
  }

  return {
    range: (request, timeoutMs, refuse) =>
      anywhere(timeoutMs, async (chosen, left) => {
        const reply = await ask(chosen, methods.range, request, left);
        const refusal = refuse(reply);
        if (refusal) throw new Error(`${chosen.address}: ${refusal}`);
        return reply;
      }),

    async txn(request, timeoutMs) {
      const until = now() + timeoutMs;
      let chosen: Chosen;
      try {
        chosen = await anywhere(timeoutMs, async (candidate, left) => {
          await candidate.endpoint.connect(left);
          return candidate;
        });
      } catch (error) {
        return { error: error as Error, sent: false };
      }
      try {
        return { reply: await ask(chosen, methods.txn, request, Math.max(until - now(), 1)) };
      } catch (error) {
        blame(chosen.address, error as Error);
        return { error: error as Error, sent: true };
      }
    },

    async moveLeader({ from, to }, timeoutMs) {
      const { members } = await anywhere(timeoutMs, (chosen, left) =>
        ask(chosen, methods.memberList, {}, left),
      );
      const own = members.find((member) => member.name === from);
      const target = members.find((member) => member.name === to && !member.isLearner);
      if (!own) return;
      if (!target) throw new Error(`cannot move etcd's leadership to ${to}: it is no voter`);
      const local = [...endpoints].find(([address]) =>
        own.clientUrls.some((url) => url.endsWith(`//${address}`)),
      );
      if (!local) return;
      const chosen = { address: local[0], endpoint: local[1] };
      const { leader } = await ask(chosen, methods.status, {}, timeoutMs);
      if (leader === own.id) await ask(chosen, methods.moveLeader, { targetId: target.id }, timeoutMs);
    },

    setEndpoints,
    reloadTls,
    close: () => {
      for (const endpoint of endpoints.values()) endpoint.close();
    },
  };
}

/** Throws where a file is missing or not what it should be. */
function readTls(paths: EtcdOptions["tls"]): SecureContext {
  return createSecureContext({
    ca: readFileSync(paths.ca),
    cert: readFileSync(paths.cert),
    key: readFileSync(paths.key),
  });
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address));
}
