import { type ContainerSpec, type OnFailure, type Owner, specDigest } from "../contract";
import { decideHandover, type Move } from "./decide-handover";
import { decideHolding, isHere } from "./decide-holding";
import type { CopyState } from "./env";
import type { Me } from "./ownership";
import { decideStandbyCopy, holds } from "./standby";
import { type ContainerView, type GroupView, sessionHolds, usableGeneration } from "./view";
import { type Prospects, untried, waitsFor } from "./waiting";

/** What this host knows of its own copy of a container. */
export interface LocalCopy {
  state: CopyState;
  detail: string | null;
  /** Which MAC it has: its own in operation, or the parked one. */
  mac: "real" | "parked" | null;
  /** Digest of the specification it was created for, where known. */
  specDigest: string | null;
  /** The generation it was restored from and holds, before its first instruction or frozen soon after it. */
  held: { epoch: number; gen: number } | null;
  /** Memory that the warm copy takes, MB; null: there is none. */
  warmMb: number | null;
  /** The gate was opened for it and nothing has closed it since. */
  joined: boolean;
  /** Since when it has been running in phase RUNNING on this host, monotonic ms. */
  runningSince: number | null;
  /** Failures of its probes in a row that reached their limit, as a sentence. */
  unhealthy: string | null;
  /** Its application does not answer as it should, if not yet often enough to act on it. */
  doubted: boolean;
  /** A checkpoint is being packed or sent. */
  checkpointing: boolean;
  /** Probes that are being asked: no dump begins meanwhile. */
  probing: number;
  /**
   * When the last attempt at a checkpoint ended, monotonic ms; whether it was committed; and how many in a row failed
   * or were not taken by every standby.
   */
  lastCheckpoint: { at: number; ok: boolean; failures: number } | null;
  /** No new speculative restore before this time, monotonic ms. */
  noHoldBefore: number;
  /** No new attempt to prepare it as a standby before this time, monotonic ms: the last one failed. */
  noPrepareBefore: number;
  /** Since when it has been held, monotonic ms. */
  heldSince: number | null;
  /** It was released, and did not come to execute. */
  unreleased: boolean;
  /** Since when it has not executed, for people, ISO 8601; null: it does. */
  stalledSince: string | null;
  /** The files of its named generation are being fetched or hashed. */
  tending: boolean;
  /** After that failed, not again before this time, monotonic ms. */
  noTendingBefore: number;
  /** The generation here whose files were whole at `at`, monotonic ms, when they came or were hashed; null: not looked yet. */
  checked: { key: string; at: number } | null;
  /** A generation here, `epoch-gen`, whose files were found damaged. */
  damaged: string | null;
  /** The handover that it was restored for, by its id. */
  heldFor: string | null;
  /** The last handover from here that this agent began. */
  move: Move | null;
  /** When that one made the target the owner, monotonic ms. */
  handedOverAt: number | null;
  /** The agent begins no handover by itself before this time, monotonic ms. */
  noMoveBefore: number;
  /** Who alone may take it from this host, as this agent recorded it under this epoch of its owner; null: not known. */
  failsafe: { epoch: number; members: string[] } | null;
}

export interface DecideInput extends Prospects {
  me: Me;
  now: number;
  view: GroupView;
  container: ContainerView;
  copy: LocalCopy;
  /** The lease was not acknowledged for L, or there is no gate that could cut anything off. */
  lapsed: boolean;
  /** When the newest session among the sources was read first, monotonic ms. */
  sourcesSince: number;
  /** This host's complete generation files of the container: `epoch-gen`. */
  stored: ReadonlySet<string>;
  /** Whether the group's policy lets this host take the container if its owner cannot run it any more. */
  mayTake: boolean;
  /** Where it is to be moved from here, and why; null: it may stay, or no host can take it. */
  misplaced: { to: string; because: string } | null;
  /** Live members that should keep standby copies, chosen by the owner; computed only where this host owns. */
  wantedStandbys: string[];
  /** Who alone should be able to take it from this host, were it fenced; null: every host. */
  wantedMembers: string[] | null;
  /** Other live members that hold its generation and would take it if this host gave it up. */
  heirs: string[];
  /** This host must not take anything from the owner now: it promised that (safety.md 1.7), or is not on its list. */
  bound: boolean;
  suspects: ReadonlySet<string>;
  /** Free memory of this host as the group knows it, MB. */
  freeMb: number;
  /** When this observer first read the tombstone of the owner's session, and what W it has to wait; null: none. */
  fence: { seenAt: number; waitMs: number } | null;
  /** When this observer first read that the owner gave it up; null: it did not. */
  stoppedSince: number | null;
  /** Milliseconds until the next scheduled checkpoint; 0 or less: due. */
  checkpointDueInMs: number;
}

export type Decision =
  | { do: "nothing"; because: string }
  | { do: "claim"; because: string }
  | { do: "begin"; because: string }
  | { do: "resume"; because: string }
  | { do: "rejoin"; because: string }
  | { do: "begin-again"; cold: boolean; because: string }
  | { do: "give-up"; because: string }
  | { do: "assign-standbys"; hosts: string[]; because: string }
  | { do: "list-members"; members: string[] | null; because: string }
  | { do: "forget-tries"; because: string }
  | { do: "checkpoint"; because: string }
  | { do: "scrub"; because: string }
  | { do: "fetch"; thenTake?: true; because: string }
  | { do: "evict"; because: string }
  | { do: "remove"; because: string }
  | { do: "forget"; because: string }
  | { do: "prepare"; because: string }
  | { do: "hold"; because: string }
  | { do: "warm"; because: string }
  | { do: "discard"; because: string }
  | { do: "take-over"; because: string }
  | { do: "move"; to: string; because: string }
  | { do: "hand-over"; because: string }
  | { do: "roll-back"; because: string }
  | { do: "take"; because: string }
  | { do: "release"; because: string }
  | { do: "give-back"; because: string }
  | { do: "take-back"; because: string };

/** A later candidate waits this much longer, so that the first one is not raced (safety.md 1.4). */
const RANK_DELAY_MS = 150;
/** Head start of prepared standbys over the host whose own session ended (safety.md 1.6). */
const RETURNED_HOST_DELAY_MS = 1000;
/** Who does not hold its generation leaves it this long to those who do, the returned host among them. */
const HOLDERS_FIRST_MS = 3000;
/** Others leave it this long to the host that an operator wants. */
const WANTED_HOST_MS = 10_000;
/** A checkpoint, and what leads to one, would stop it again just when its clients come back. */
const CLIENTS_RETURN_MS = 500;
/** Where no other host can take it, an unhealthy application is restored this often before its memory is given up. */
const RESTORES_ALONE = 2;
/** Running this long on a host makes its earlier tries forgotten. */
const STABLE_MS = 60_000;

/** What this host should do about one container now. Pure: the same input gives the same decision. */
export function decide(input: DecideInput): Decision {
  const { container, me } = input;
  const owner = container.owner?.value ?? null;
  if (container.unreadable) return nothing("it has a record that this version cannot read");
  if (!container.spec) return decideRemoval(input);
  if (!owner) return decideUnowned(input, container.spec.value);
  const handover = decideHandover(input);
  if (handover) return handover;
  if (owner.host === me.host && owner.sid === me.sid) return decideOwned(input, container.spec.value);
  return decideStandby(input, container.spec.value);
}

function decideRemoval({ container, copy, me, view, stored }: DecideInput): Decision {
  if (copy.state !== "absent" || stored.size > 0) {
    return { do: "remove", because: "its specification was removed" };
  }
  const owner = container.owner?.value;
  if (!owner) {
    return container.generation || container.standbys || container.schedule
      ? { do: "forget", because: "its specification was removed" }
      : nothing("it is unknown");
  }
  const mine = owner.host === me.host;
  const ended = view.hosts.get(owner.host)?.fences.has(owner.sid) ?? false;
  return mine || ended
    ? { do: "forget", because: "its specification was removed" }
    : nothing(`${owner.host} removes it`);
}

function decideUnowned({ candidates, copy, me, lapsed }: DecideInput, spec: ContainerSpec): Decision {
  if (copy.state !== "absent" && copy.state !== "prepared") {
    return { do: "evict", because: "a copy runs that no record allows" };
  }
  if (lapsed) return nothing("the lease has lapsed");
  const live = new Set(candidates);
  const first = spec.candidates.find((host) => live.has(host)) ?? candidates[0];
  if (first !== me.host) return nothing(`${first ?? "no live host"} is to start it first`);
  return { do: "claim", because: "it is new and this host is the first candidate" };
}

function decideOwned(input: DecideInput, spec: ContainerSpec): Decision {
  const { container, copy, lapsed } = input;
  const owner = container.owner!.value;
  if (lapsed) return nothing("the lease has lapsed; it stays frozen");
  // Also before it came to run: memory from before the change must not meet what is declared now.
  if (owner.specDigest !== specDigest(spec))
    return { do: "begin-again", cold: true, because: "its specification changed" };
  if (owner.phase === "FAILED" || owner.phase === "STOPPED") {
    if (copy.state !== "absent") return { do: "evict", because: owner.reason };
    if (owner.phase === "STOPPED" && owner.failoverTo === input.me.host)
      return { do: "begin-again", cold: false, because: owner.reason };
    if (owner.phase === "FAILED") return nothing(owner.reason);
    // Others begin it from the files here, if these are whole.
    return decideHolding(input) ?? stoppedWithoutTaker(input);
  }
  if (owner.phase !== "RUNNING") return { do: "begin", because: owner.reason };
  return decideRunning(input, spec);
}

function decideRunning(input: DecideInput, spec: ContainerSpec): Decision {
  const { container, copy } = input;
  const owner = container.owner!.value;
  if (copy.state === "frozen") return { do: "resume", because: "the lease is live again and it still owns" };
  if (copy.unreleased) return afterFailedRelease(input, spec.onFailure);
  // The agent that opened its gate ended before its last word to the copy.
  if (copy.state === "held") return { do: "release", because: "it serves and is still held" };
  if (copy.state !== "running" && copy.state !== "traced")
    return afterCrash(input, spec.onFailure, `it ended: ${copy.detail ?? copy.state}`);
  if (!copy.joined) return { do: "rejoin", because: "its gate is not open" };
  const listing = decideListing(input);
  if (listing) return listing;
  if (copy.state === "traced")
    return nothing("another program traces it, and nothing can be done with it meanwhile");
  if (copy.unhealthy) return afterApplicationFailure(input, spec.onFailure, copy.unhealthy);
  if (usableGeneration(container) && hasJustBegun(input))
    return nothing("it has just begun, and its clients come back first");
  const standbys = container.standbys?.value.hosts ?? null;
  if (!standbys || !sameMembers(standbys, input.wantedStandbys)) {
    return {
      do: "assign-standbys",
      hosts: input.wantedStandbys,
      because: standbys ? "the standbys changed" : "it has no standbys yet",
    };
  }
  const tried = owner.tries > 0 || owner.triedHosts.length > 0;
  if (tried && isStable(input) && !copy.checkpointing) {
    return {
      do: "forget-tries",
      because: "it has run long enough for earlier failures not to count any more",
    };
  }
  const { misplaced } = input;
  if (misplaced && !copy.checkpointing && input.now >= copy.noMoveBefore && !container.migration)
    return { do: "move", ...misplaced };
  if (copy.doubted && spec.onFailure.application !== "ignore")
    return decideHolding(input) ?? nothing("its probe fails, and a checkpoint could carry the fault");
  return decideHolding(input) ?? decideCheckpoint(input, standbys);
}

/** That is no fault of the application's, so that its memory is kept, whatever a crash of it would mean. */
function afterFailedRelease(input: DecideInput, { tries }: OnFailure): Decision {
  const because = "it was restored and did not execute after its release";
  return triesSpent(input, tries) ? { do: "give-up", because } : { do: "begin-again", cold: false, because };
}

function decideListing({ container, copy, wantedMembers }: DecideInput): Decision | null {
  if (!wantedMembers)
    return container.failsafe
      ? { do: "list-members", members: null, because: "nobody is asked for promises any more" }
      : null;
  const known = copy.failsafe?.epoch === container.owner!.value.epoch ? copy.failsafe.members : null;
  if (known && sameMembers(known, wantedMembers)) return null;
  return {
    do: "list-members",
    members: wantedMembers,
    because: "promises may have to stand in for the store",
  };
}

function decideCheckpoint(input: DecideInput, standbys: string[]): Decision {
  const { container, copy, checkpointDueInMs, me } = input;
  if (copy.checkpointing) return nothing("a checkpoint is under way");
  if (copy.probing > 0) return nothing("a probe is being asked");
  if (standbys.length === 0) return nothing("no standby is live to hold a generation");
  if (copy.lastCheckpoint && copy.lastCheckpoint.failures > 0 && checkpointDueInMs > 0)
    return nothing("the last checkpoint failed, or not every standby took it");
  const generation = container.generation?.value;
  if (!generation) return { do: "checkpoint", because: "it has no generation yet" };
  if (!generation.holders.includes(me.host) || !isHere(input, generation))
    return { do: "checkpoint", because: "this host does not hold its generation any more" };
  if (checkpointDueInMs <= 0) return { do: "checkpoint", because: "its schedule says so" };
  return nothing("it runs and is protected");
}

function afterCrash(input: DecideInput, { crash, tries }: OnFailure, what: string): Decision {
  if (crash === "failover" || triesSpent(input, tries)) return { do: "give-up", because: what };
  return { do: "begin-again", cold: crash === "restart", because: what };
}

function afterApplicationFailure(
  input: DecideInput,
  { application, tries }: OnFailure,
  what: string,
): Decision {
  if (application === "ignore") return nothing(what);
  if (application === "failover" || triesSpent(input, tries)) return { do: "give-up", because: what };
  if (application === "restart") return { do: "begin-again", cold: true, because: what };
  return restoreUnhealthy(input, what) ?? { do: "begin-again", cold: true, because: inVain(input, what) };
}

function inVain({ container }: DecideInput, what: string): string {
  const { host, triedHosts } = container.owner!.value;
  return usableGeneration(container)
    ? `${what}; it was so again with its memory restored, on ${[...triedHosts, host].join(" and on ")}`
    : what;
}

/**
 * The fault may lie in this process alone, or in this host: it goes on from its memory here, then elsewhere. Null: there
 * is no memory, or what was restored from it was unhealthy again each time.
 */
function restoreUnhealthy(input: DecideInput, what: string): Decision | null {
  const { container, copy, now, heirs } = input;
  const owner = container.owner!.value;
  if (!usableGeneration(container)) return null;
  const restore: Decision = { do: "begin-again", cold: false, because: what };
  if (isStable(input)) return restore;
  if (owner.triedHosts.length > 0) return null;
  const tries = triesSoFar(container, copy, now);
  if (tries === 0) return restore;
  if (owner.gen === null) return null;
  if (heirs.length > 0) return { do: "give-up", because: what };
  return tries < RESTORES_ALONE ? restore : null;
}

function triesSpent({ container, copy, now }: DecideInput, tries: number): boolean {
  return triesSoFar(container, copy, now) >= tries;
}

/** Beginnings on this host that count; a stable run makes earlier ones forgotten. */
export function triesSoFar(container: ContainerView, copy: LocalCopy, now: number): number {
  return isStable({ copy, now }) ? 0 : container.owner!.value.tries;
}

function hasJustBegun({ copy, now }: { copy: LocalCopy; now: number }): boolean {
  return copy.runningSince !== null && now - copy.runningSince < CLIENTS_RETURN_MS;
}

function isStable({ copy, now }: { copy: LocalCopy; now: number }): boolean {
  return copy.runningSince !== null && now - copy.runningSince >= STABLE_MS;
}

/** This host gave it up; when nobody is left to take it, it has failed. */
function stoppedWithoutTaker(input: DecideInput): Decision {
  const { reason, triedHosts } = input.container.owner!.value;
  return untried(input, triedHosts).length > 0
    ? nothing(waitsFor(input.container, triedHosts, input))
    : { do: "give-up", because: reason };
}

function decideStandby(input: DecideInput, spec: ContainerSpec): Decision {
  const { container, copy } = input;
  const hasRun = ["running", "traced", "frozen", "exited"].includes(copy.state);
  if (hasRun || copy.mac === "real") {
    return { do: "evict", because: `${container.owner!.value.host} owns it` };
  }
  const takeOver = decideTakeOver(input);
  if (takeOver) return takeOver;
  const preparation = decideStandbyCopy(input, spec, usableGeneration(container));
  return preparation.do === "nothing" ? (decideHolding(input) ?? preparation) : preparation;
}

function decideTakeOver(input: DecideInput): Decision | null {
  const { container, me, fence, now, copy } = input;
  const owner = container.owner!.value;
  const stopped = owner.phase === "STOPPED" && sessionHolds(input.view, owner.host, owner.sid);
  if (input.lapsed || (!stopped && !fence)) return null;
  const { candidates, stored } = input;
  // What its owner gave up is closed.
  if (!stopped && input.bound) return null;
  if (!candidates.includes(me.host) || !input.mayTake) return null;
  const changed = owner.specDigest !== specDigest(container.spec!.value);
  if (owner.phase === "FAILED" && !changed) return null;
  if (isSpent(owner, me.host) && !changed) return null;
  const named = usableGeneration(container);
  const since = fence?.seenAt ?? input.stoppedSince ?? now;
  const from = since + (fence?.waitMs ?? 0);
  if (now - from < delayOf(input)) return null;
  if (isBehind(input) && now - Math.max(from, input.sourcesSince) < HOLDERS_FIRST_MS) return null;
  const why = stopped ? `${owner.host} gave it up: ${owner.reason}` : `${owner.host} is fenced`;
  // safety: only who holds the generation takes the container (safety.md 1.4).
  if (named && !stored.has(`${named.epoch}-${named.gen}`)) return fetchFirst(input, why);
  const ready = copy.state === "warm" ? "a warm copy waits" : "the generation is restored and held";
  return { do: "take-over", because: holds(copy, named) ? `${why}; ${ready}` : why };
}

/** This host is to take it and has yet to get its generation; null: nobody who is live has it, or it was tried just now. */
function fetchFirst({ container, me, now, copy, sources }: DecideInput, why: string): Decision | null {
  // Whose files are gone stops being a holder before it fetches them.
  if (container.generation!.value.holders.includes(me.host) || sources.length === 0) return null;
  if (copy.tending || now < copy.noTendingBefore) return null;
  return { do: "fetch", thenTake: true, because: `${me.host} is to take it, as ${why}` };
}

/** Holders before others, then the order of placement; the host whose own session ended comes last. */
function delayOf({ container, me, candidates, copy }: DecideInput): number {
  const wanted = container.owner!.value.failoverTo;
  if (wanted) return wanted === me.host ? 0 : WANTED_HOST_MS;
  if (holds(copy, usableGeneration(container))) return 0;
  const holders = container.generation?.value.holders ?? [];
  const standbys = container.standbys?.value.hosts ?? [];
  const owner = container.owner!.value;
  const weight = (host: string) =>
    (owner.triedHosts.includes(host) ? 4 : 0) +
    (holders.includes(host) ? 0 : 2) +
    (standbys.includes(host) ? 0 : 1);
  const others = candidates.filter((host) => host !== owner.host && !isSpent(owner, host));
  const ranked = [...others].sort((a, b) => weight(a) - weight(b));
  const returned = owner.host === me.host;
  return returned ? RETURNED_HOST_DELAY_MS : Math.max(0, ranked.indexOf(me.host)) * RANK_DELAY_MS;
}

/** It would have to fetch what another one that may take the container has, and is not the one that an operator wants. */
function isBehind({ container, me, candidates, stored }: DecideInput): boolean {
  const owner = container.owner!.value;
  const named = usableGeneration(container);
  if (!named || stored.has(`${named.epoch}-${named.gen}`) || owner.failoverTo === me.host) return false;
  return candidates.some((host) => named.holders.includes(host) && !isSpent(owner, host));
}

/** A host that gave it up takes it no more, unless it ran elsewhere and died there: then it is better than none. */
function isSpent(owner: Owner, host: string): boolean {
  return owner.phase === "STOPPED" && owner.triedHosts.includes(host) && owner.failoverTo !== host;
}

function sameMembers(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member));
}

function nothing(because: string): Decision {
  return { do: "nothing", because };
}
