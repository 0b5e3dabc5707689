import { type ContainerView, usableGeneration } from "./view";

/** Who could go on with a container that its owner cannot run any more, or gave up. */
export interface Prospects {
  /** Members, dead ones too, that could take it now or when they are back. */
  takers: string[];
  /** Live members that may run it, the best first. */
  candidates: string[];
  /** Live members that hold the generation that it would begin from. */
  sources: string[];
}

/** Those that could take it and did not give it up themselves. */
export function untried({ takers }: Prospects, tried: string[]): string[] {
  return takers.filter((host) => !tried.includes(host));
}

/** What a container that nobody runs waits for, and what an operator can do where that may last. */
export function waitsFor(container: ContainerView, tried: string[], prospects: Prospects): string {
  const { candidates, sources } = prospects;
  const left = untried(prospects, tried);
  const able = left.filter((host) => candidates.includes(host));
  const named = usableGeneration(container);
  const ready = named ? able.filter((host) => named.holders.includes(host)) : able;
  if (ready.length > 0) return `it waits for ${ready.join(" or ")} to take it`;
  if (named && sources.length === 0) {
    const away = named.holders.filter((host) => !candidates.includes(host));
    return `it waits until ${away.join(" or ")}, where its generation is, is live again`;
  }
  if (able.length > 0)
    return `it waits for ${able.join(" or ")} to fetch its generation from ${sources.join(" or ")} and take it`;
  const command = `"container-ha failover ${container.name} --to HOST" lets a live host try it once more`;
  return left.length > 0
    ? `it waits until ${left.join(" or ")} is live and may run it; ${command}`
    : `no host is left to try; ${command}`;
}
