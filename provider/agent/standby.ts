import { type ContainerSpec, type Generation, specDigest } from "../contract";
import type { DecideInput, Decision, LocalCopy } from "./decide";

/** While a copy is held the engine's lock is taken: good for seconds only (facts-hosts.md 6). */
const MAX_HOLD_MS = 5_000;
/** Memory that a warm copy must leave free on its host, MB. */
export const WARM_RESERVE_MB = 256;

type Named = Pick<Generation, "epoch" | "gen" | "bytes">;

/**
 * What a host that does not own a container does with its copy before a failover: prepared in advance, restored and
 * held on suspicion, or restored and frozen with every generation (warm). `named`: the generation that may be restored.
 */
export function decideStandbyCopy(input: DecideInput, spec: ContainerSpec, named: Named | null): Decision {
  const { container, copy, me, now } = input;
  const isStandby = container.standbys?.value.hosts.includes(me.host) ?? false;
  if (copy.state === "held") return decideHeld(input, spec, named);
  if (!isStandby) {
    return copy.state === "absent"
      ? nothing("another host is its standby")
      : { do: "evict", because: "it is no standby" };
  }
  if (copy.state === "absent" || copy.specDigest !== specDigest(spec)) {
    return now < copy.noPrepareBefore
      ? nothing("it could not be prepared just now")
      : { do: "prepare", because: "it is a standby" };
  }
  if (copy.state === "warm") return decideWarm(input, spec, named);
  const asked: Decision | null = isSuspected(input)
    ? { do: "hold", because: `${ownerOf(input)} is suspected` }
    : isWanted(input, spec, named)
      ? { do: "warm", because: "a warm copy is asked for" }
      : null;
  return asked && mayRestore(input, named) ? asked : nothing("it is prepared");
}

function decideHeld(input: DecideInput, spec: ContainerSpec, named: Named | null): Decision {
  const { copy, now } = input;
  const stale = !holds(copy, named);
  const tooLong = copy.heldSince !== null && now - copy.heldSince > MAX_HOLD_MS;
  if (isSuspected(input) && !stale && !tooLong) {
    return nothing(`holds the generation until ${ownerOf(input)} is fenced`);
  }
  if (!stale && isWanted(input, spec, named)) {
    return { do: "warm", because: tooLong ? "it was held for long" : `${ownerOf(input)} is alive` };
  }
  if (!isSuspected(input)) return { do: "discard", because: `${ownerOf(input)} is alive` };
  const because = stale
    ? "what it holds is old"
    : `${ownerOf(input)} was not fenced in the time it may be held`;
  return { do: "discard", because };
}

function decideWarm(input: DecideInput, spec: ContainerSpec, named: Named | null): Decision {
  if (!named) return { do: "discard", because: "no generation may be restored" };
  if (holds(input.copy, named)) {
    return spec.standby === "warm"
      ? nothing("a warm copy waits")
      : { do: "discard", because: "no warm copy is asked for any more" };
  }
  if (!mayRestore(input, named)) return nothing("the generation that was committed is not here yet");
  if (isSuspected(input))
    return { do: "hold", because: `${ownerOf(input)} is suspected, the warm copy is old` };
  return isWanted(input, spec, named)
    ? { do: "warm", because: `generation ${named.epoch}-${named.gen} was committed` }
    : { do: "discard", because: "the warm copy is old and there is no room for another" };
}

/** The files are here, this host could run it, and no attempt failed just before. */
function mayRestore({ candidates, me, stored, copy, now }: DecideInput, named: Named | null): named is Named {
  return (
    named !== null &&
    candidates.includes(me.host) &&
    stored.has(`${named.epoch}-${named.gen}`) &&
    now >= copy.noHoldBefore
  );
}

/** A handover prepares its own copy. */
function isWanted(
  { container, freeMb, copy }: DecideInput,
  spec: ContainerSpec,
  named: Named | null,
): boolean {
  if (spec.standby !== "warm" || !named || container.migration) return false;
  return hasRoom({ bytes: named.bytes, freeMb: freeMb + (copy.warmMb ?? 0) });
}

/** Whether a warm copy of a generation of so many bytes fits into a host's free memory. */
export function hasRoom({ bytes, freeMb }: { bytes: number; freeMb: number }): boolean {
  return bytes / 1e6 + WARM_RESERVE_MB <= freeMb;
}

/** The copy was restored from this generation, is intact, and has executed nothing that anybody saw. */
export function holds(copy: LocalCopy, named: { epoch: number; gen: number } | null): boolean {
  const isRestored = copy.state === "held" || copy.state === "warm";
  return isRestored && named !== null && copy.held?.epoch === named.epoch && copy.held.gen === named.gen;
}

function isSuspected(input: DecideInput): boolean {
  return input.suspects.has(ownerOf(input));
}

function ownerOf({ container }: DecideInput): string {
  return container.owner!.value.host;
}

function nothing(because: string): Decision {
  return { do: "nothing", because };
}
