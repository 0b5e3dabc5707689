/** How long an endpoint that failed is asked last, at first and at most. */
const FIRST_PENALTY_MS = 2000;
const MAX_PENALTY_MS = 8000;

/** Which endpoint to ask first: the given order, but those that failed lately last. */
export interface Rotation {
  order(): string[];
  succeeded(address: string): void;
  failed(address: string): void;
}

/** `now`: monotonic milliseconds. */
export function createRotation(addresses: string[], now: () => number): Rotation {
  const penalties = new Map<string, { ms: number; until: number }>();
  const until = (address: string) => {
    const end = penalties.get(address)?.until ?? 0;
    return end > now() ? end : 0;
  };
  return {
    order: () => [...addresses].sort((a, b) => until(a) - until(b)),
    succeeded: (address) => void penalties.delete(address),
    failed: (address) => {
      const ms = Math.min((penalties.get(address)?.ms ?? FIRST_PENALTY_MS / 2) * 2, MAX_PENALTY_MS);
      penalties.set(address, { ms, until: now() + ms });
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
