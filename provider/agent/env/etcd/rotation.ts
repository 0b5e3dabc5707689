/** How long an endpoint that failed is left alone before it is tried again, at first and at most. */
const FIRST_PENALTY_MS = 2000;
const MAX_PENALTY_MS = 8000;

/** Which endpoint to ask first: the given order, but those that failed and have not answered since last. */
export interface Rotation {
  /** Of those that failed, the one that answered last comes first: it may be slow, the others may be dead. */
  order(): string[];
  succeeded(address: string): void;
  failed(address: string): void;
  /** Endpoints whose penalty is over: to be tried beside the others. Each is named once per failure. */
  due(): string[];
}

interface Penalty {
  ms: number;
  until: number;
  named: boolean;
}

/** `now`: monotonic milliseconds. */
export function createRotation(addresses: string[], now: () => number): Rotation {
  const penalties = new Map<string, Penalty>();
  const answered = new Map<string, number>();
  // Bigger is later in the order.
  const rank = (address: string) =>
    penalties.has(address) ? -(answered.get(address) ?? 0) : Number.NEGATIVE_INFINITY;
  return {
    order: () => [...addresses].sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b))),
    succeeded: (address) => {
      penalties.delete(address);
      answered.set(address, now());
    },
    failed: (address) => {
      const before = penalties.get(address);
      // What was asked of it before it was known to fail fails with it.
      if (before && !before.named) return;
      const ms = Math.min(before ? before.ms * 2 : FIRST_PENALTY_MS, MAX_PENALTY_MS);
      penalties.set(address, { ms, until: now() + ms, named: false });
    },
    due: () => {
      const over = [...penalties].filter(([, penalty]) => !penalty.named && penalty.until <= now());
      for (const [, penalty] of over) penalty.named = true;
      return over.map(([address]) => address);
    },
  };
}

/**
 * The endpoints with those of this host last: the local member dies with the host, and what was asked of it is then
 * unknown.
 */
export function localLast(endpoints: string[], localAddresses: string[]): string[] {
  const local = new Set(localAddresses);
  const isLocal = (endpoint: string) => local.has(hostOf(endpoint));
  return [...endpoints.filter((endpoint) => !isLocal(endpoint)), ...endpoints.filter(isLocal)];
}

/** `10.0.0.1:7379` -> `10.0.0.1`, `[fd00::1]:7379` -> `fd00::1`. */
function hostOf(endpoint: string): string {
  return endpoint.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
