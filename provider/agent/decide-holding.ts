import type { Decision, LocalCopy } from "./decide";
import type { Me } from "./ownership";
import { type ContainerView, usableGeneration } from "./view";

/** Each holder hashes the named generation again this often, and once when its agent starts (safety.md 1.10). */
const SCRUB_MS = 86_400_000;

export interface HoldingInput {
  me: Me;
  now: number;
  container: ContainerView;
  copy: LocalCopy;
  stored: ReadonlySet<string>;
}

/**
 * What this host should do about its own files of the named generation; null: nothing. Where the record calls it a
 * holder and the files are gone or damaged, it says so, once there is another holder; where it is a standby and has
 * none, it fetches them from one that has.
 */
export function decideHolding({ me, now, container, copy, stored }: HoldingInput): Decision | null {
  const generation = usableGeneration(container);
  if (!generation || copy.tending || copy.checkpointing || now < copy.noTendingBefore) return null;
  const holds = generation.holders.includes(me.host);
  if (holds) {
    if (!isHere({ copy, stored }, generation)) return { do: "scrub", because: "its files are not here" };
    if (copy.checked === null) return { do: "scrub", because: "this agent has not hashed it yet" };
    const due = now - copy.checked.at >= SCRUB_MS;
    return due ? { do: "scrub", because: "it was last hashed a day ago" } : null;
  }
  const keeps = container.standbys?.value.hosts.includes(me.host) ?? false;
  return keeps ? { do: "fetch", because: "it is a standby and does not hold it" } : null;
}

/** Whether the files of this generation are here, as far as was looked. */
export function isHere(
  { copy, stored }: Pick<HoldingInput, "copy" | "stored">,
  { epoch, gen }: { epoch: number; gen: number },
): boolean {
  const key = `${epoch}-${gen}`;
  return stored.has(key) && copy.damaged !== key;
}
