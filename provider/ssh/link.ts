import type { Client } from "ssh2";
import type { SeenKey } from "./host-key";
import { createLimiter, type Limiter } from "./limiter";

/** One live SSH connection to a host. */
export interface Link {
  readonly client: Client;
  /** The host key that was seen and accepted. */
  readonly hostKey: SeenKey;
  /** Holds back commands beyond what sshd takes per connection. */
  readonly channels: Limiter;
  /** Resolves with the reason, if one is known, when the connection is gone. */
  readonly closed: Promise<Error | undefined>;
  lost(): boolean;
  close(): void;
}

/** sshd's MaxSessions is 10; two are left for people. */
const MAX_CHANNELS = 8;

export function createLink(o: { client: Client; hostKey: SeenKey; close: () => void }): Link {
  let cause: Error | undefined;
  let lost = false;
  o.client.on("error", (error) => {
    cause ??= error;
  });
  const closed = new Promise<Error | undefined>((resolve) => {
    o.client.once("close", () => {
      lost = true;
      resolve(cause);
    });
  });
  return {
    client: o.client,
    hostKey: o.hostKey,
    channels: createLimiter(MAX_CHANNELS),
    closed,
    lost: () => lost,
    close: o.close,
  };
}
