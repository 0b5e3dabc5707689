import {
  type ContainerSpec,
  fenceAfterMs,
  type PlacedContainer,
  type PlacementInput,
  place,
} from "../contract";
import { type Context, localOf, storedKeys } from "./context";
import type { DecideInput } from "./decide";
import { isHere } from "./decide-holding";
import { engineFault } from "./engines";
import { mayTake } from "./failover-policy";
import { wantedMembers } from "./failsafe";
import { holdDownMs } from "./hold-down";
import { isLive } from "./observe";
import { whereTo, whyMisplaced } from "./plan-moves";
import { isBound } from "./promises";
import { nextDue, scheduleOf } from "./schedule";
import { hasRoom } from "./standby";
import { type ContainerView, type GroupView, usableGeneration } from "./view";
import type { Prospects } from "./waiting";

/** A standby is replaced after it has been dead for this long, so that a blip moves no generations around. */
const STANDBY_GRACE_MS = 3_000;
/** A standby that did not take so many generations in a row is replaced by one that may; tried again after this long. */
const REFUSALS = 2;
const REFUSAL_MEMORY_MS = 10 * 60_000;
/** After a failed checkpoint, or one that not every standby took, the next attempt waits this long at first. */
const CHECKPOINT_RETRY_MS = 5_000;

/** Where containers may be placed now: derived when it is first asked for, and once for all containers of a cycle. */
export type Placing = () => PlacementInput;

export function placingNow(context: Context): Placing {
  return once(() => placementInput(context, context.view));
}

/**
 * The snapshot that `decide` sees of one container. What takes work is derived when it is first asked for: each cycle
 * decides on every container, and of those that are well little is asked.
 */
export function decideInput(
  context: Context,
  container: ContainerView,
  placing: Placing = placingNow(context),
): DecideInput {
  const { me, view, observations } = context;
  const now = context.env.clock.now();
  const local = localOf(context, container.name);
  const prospects = once(() => prospectsOf(context, container, placing));
  const stored = once(() => storedKeys(context, container.name));
  const owner = container.owner?.value;
  const fence = owner ? view.hosts.get(owner.host)?.fences.get(owner.sid) : undefined;
  const fenceSeenAt = owner ? observations.fences.get(`${owner.host}/${owner.sid}`) : undefined;
  // Who is fenced by an operator's word, or ended its own session without a reboot, may still be reachable for W.
  const leaseMs = (owner && observations.hosts.get(owner.host)?.leaseMs) ?? 0;
  const waits = fence?.value.method === "operator" && !fence.value.confirmedOff;
  // safety: W by a clock that runs too differently proves nothing.
  const doubtful = owner !== undefined && context.clockAlarms.has(owner.host);
  const counted = doubtful ? Number.POSITIVE_INFINITY : fenceAfterMs(context.policy.timing, leaseMs);
  const waitMs = waits ? counted : 0;
  return {
    me,
    now,
    view,
    container,
    copy: local,
    lapsed: context.lapsed || context.gateBrokenAt !== null,
    get stored() {
      return stored();
    },
    get takers() {
      return prospects().takers;
    },
    get sources() {
      return prospects().sources;
    },
    get sourcesSince() {
      // What was just read may not be among the observations yet.
      return Math.max(
        ...prospects().sources.map((host) => observations.hosts.get(host)?.sessionSeenAt ?? now),
      );
    },
    get candidates() {
      return withoutHeldDown(context, container, prospects().candidates);
    },
    get mayTake() {
      return !owner || mayTake(context.policy, { owner, fence: fence?.value ?? null, host: me.host });
    },
    get wantedStandbys() {
      return wantedStandbys(context, container, candidatesFor(container, placing()));
    },
    get wantedMembers() {
      return wantedMembers(context);
    },
    get heirs() {
      return heirsOf(context, container, prospects().candidates);
    },
    get bound() {
      return owner !== undefined && isBound(context, owner.host, owner.sid);
    },
    get misplaced() {
      return isMovingAnother(context, container.name) ? null : misplaced(context, container, placing());
    },
    suspects: context.suspects,
    freeMb: view.hosts.get(me.host)?.info?.memoryMb ?? 0,
    fence: fenceSeenAt === undefined ? null : { seenAt: fenceSeenAt, waitMs },
    stoppedSince: observations.stopped.get(container.name)?.seenAt ?? null,
    checkpointDueInMs: checkpointDueIn(context, container, now),
  };
}

/** Who could take the container over. */
export function prospectsOf(
  context: Context,
  container: ContainerView,
  placing: Placing = placingNow(context),
): Prospects {
  const candidates = whereEngineWorks(context, container, candidatesFor(container, placing()));
  const members = context.policy.hosts.filter(({ role }) => role === "member").map(({ name }) => name);
  const named = usableGeneration(container);
  const holders = named?.holders ?? [];
  const known = new Set([...holders, ...candidates, ...(container.spec?.value.candidates ?? [])]);
  const here = { copy: localOf(context, container.name), stored: storedKeys(context, container.name) };
  const isSource = (host: string) => host !== context.me.host || isHere(here, named!);
  return {
    takers: [...known].filter((host) => members.includes(host)),
    candidates,
    sources: holders.filter((host) => isLiveMember(context, host) && isSource(host)),
  };
}

/** Live members that may run the container, the best first. */
export function candidatesFor(container: ContainerView, input: PlacementInput): string[] {
  if (!container.spec) return [];
  const placement = place(placed(container), input);
  return placement.ok ? placement.candidates : [];
}

/** Where its engine does not work it cannot be run. */
function whereEngineWorks(context: Context, { spec }: ContainerView, hosts: string[]): string[] {
  return spec
    ? hosts.filter((host) => engineFault(context, host, spec.value.workload.engine) === null)
    : hosts;
}

/** Other live members that hold its generation and would take it if this host gave it up. */
function heirsOf({ me, policy }: Context, container: ContainerView, live: string[]): string[] {
  const holders = usableGeneration(container)?.holders ?? [];
  return live.filter((host) => {
    const owner = container.owner?.value;
    return (
      host !== me.host && holders.includes(host) && owner && mayTake(policy, { owner, fence: null, host })
    );
  });
}

/** A host that was fenced and is back takes nothing for a while, unless no other one could or an operator wants it. */
function withoutHeldDown(context: Context, container: ContainerView, live: string[]): string[] {
  const owner = container.owner?.value;
  const free = live.filter((host) => {
    const seen = context.view.hosts.get(host);
    const held = seen ? holdDownMs(seen, context.policy.timing.intervalMs) > 0 : false;
    return !held || host === owner?.failoverTo;
  });
  const holders = usableGeneration(container) ? container.generation!.value.holders : free;
  const others = free.filter((host) => host !== owner?.host && holders.includes(host));
  return others.length > 0 ? free : live;
}

/** The group as placement sees it now. */
export function placementInput(context: Context, view: GroupView): PlacementInput {
  return {
    hosts: context.policy.hosts.filter((host) => host.role === "member" && isLiveMember(context, host.name)),
    rules: [...view.rules.values()].map((rule) => rule.value),
    containers: [...view.containers.values()].filter((other) => other.spec).map(placed),
  };
}

/** Whether its engine works on the host, which has memory for it; without a generation nothing is known of its size. */
export function fitsOn(context: Context, container: ContainerView, host: string): boolean {
  if (whereEngineWorks(context, container, [host]).length === 0) return false;
  const info = context.view.hosts.get(host)?.info;
  const generation = container.generation?.value;
  if (!generation || !info || container.name in info.warm) return true;
  return hasRoom({ bytes: generation.bytes, freeMb: info.memoryMb });
}

/** Where a container that must not stay here goes, and why; null: it may stay, or no host can take it. */
function misplaced(
  context: Context,
  container: ContainerView,
  input: PlacementInput,
): DecideInput["misplaced"] {
  if (!container.spec || container.owner?.value.host !== context.me.host) return null;
  const subject = placed(container);
  const because = whyMisplaced(subject, input);
  if (because === null) return null;
  const to = whereTo(subject, input, {
    standbys: container.standbys?.value.hosts ?? [],
    fits: (host) => fitsOn(context, container, host),
  });
  return to === null ? null : { to, because };
}

/** One at a time: two would share the link, and neither be short. */
function isMovingAnother(context: Context, name: string): boolean {
  return [...context.locals].some(([other, { move }]) => other !== name && move && !move.outcome);
}

/** Of this host too only what its heartbeat key shows counts: what cannot renew cannot serve. */
export function isLiveMember(context: Context, host: string): boolean {
  return isLive(context.view, context.observations, host, context.policy.timing, context.env.clock.now());
}

const known = new WeakMap<ContainerView, PlacedContainer>();

/**
 * What placement knows of a container: where it runs counts only while its owner keeps it. Kept, as in each cycle every
 * container's placement asks for that of all others.
 */
export function placed(container: ContainerView): PlacedContainer {
  const found = known.get(container) ?? derivedPlaced(container);
  known.set(container, found);
  return found;
}

function derivedPlaced(container: ContainerView): PlacedContainer {
  const spec = container.spec!.value;
  const owner = container.owner?.value;
  const runs = owner && owner.phase !== "FAILED" && owner.phase !== "STOPPED";
  return { ...unplaced(spec), host: runs ? owner.host : null };
}

/** What placement knows of a container that runs nowhere yet. */
export function unplaced({ name, workload, preferredHost }: ContainerSpec): PlacedContainer {
  const labels = Object.fromEntries(workload.labels.map(({ label, value }) => [label, value]));
  return { name, labels, preferredHost, host: null };
}

/**
 * Present standbys stay while they live or were lost only just now; others fill up in order of placement. Who does not
 * take what it is sent (its disk is full, say) comes last, unless nobody does: then who still holds the generation.
 */
function wantedStandbys(context: Context, container: ContainerView, candidates: string[]): string[] {
  if (!container.spec || container.owner?.value.host !== context.me.host) return [];
  const { standbys } = container.spec.value;
  const allowed = candidates.filter((host) => host !== context.me.host);
  if (Array.isArray(standbys)) return allowed.filter((host) => standbys.includes(host));
  const present = (container.standbys?.value.hosts ?? []).filter((host) => host !== context.me.host);
  const kept = present.filter((host) => allowed.includes(host) || lostJustNow(context, host));
  const others = allowed.filter((host) => !kept.includes(host));
  const roomy = others.filter((host) => hasRoomOn(context, container, host));
  const full = others.filter((host) => !roomy.includes(host));
  const ordered = [...kept, ...roomy, ...full];
  const holds = (host: string) => Number(container.generation?.value.holders.includes(host) ?? false);
  const refusing = ordered
    .filter((host) => refuses(context, container, host))
    .sort((a, b) => holds(b) - holds(a));
  return [...ordered.filter((host) => !refusing.includes(host)), ...refusing].slice(0, standbys);
}

function refuses(context: Context, container: ContainerView, host: string): boolean {
  if (whereEngineWorks(context, container, [host]).length === 0) return true;
  const refusal = localOf(context, container.name).refusals.get(host);
  if (!refusal || refusal.inARow < REFUSALS) return false;
  return context.env.clock.now() - refusal.at < REFUSAL_MEMORY_MS;
}

/** Whether the host could keep the warm copy that is asked for; before the first generation its limit tells the size. */
export function hasRoomOn(context: Context, container: ContainerView, host: string): boolean {
  const info = context.view.hosts.get(host)?.info;
  const spec = container.spec?.value;
  if (spec?.standby !== "warm" || !info || container.name in info.warm) return true;
  return hasRoom({ bytes: warmBytes(container), freeMb: info.memoryMb });
}

/** What a warm copy of it will take. */
export function warmBytes(container: ContainerView): number {
  return usableGeneration(container)?.bytes ?? (container.spec!.value.workload.memory ?? 0) * 1e6;
}

function lostJustNow(context: Context, host: string): boolean {
  const seen = context.observations.hosts.get(host);
  if (seen === undefined || isLiveMember(context, host)) return false;
  const deadAfterMs = fenceAfterMs(context.policy.timing, seen.leaseMs);
  return context.env.clock.now() - seen.seenAt < deadAfterMs + STANDBY_GRACE_MS;
}

function checkpointDueIn(context: Context, container: ContainerView, now: number): number {
  const last = localOf(context, container.name).lastCheckpoint;
  if (!last) return 0;
  const ended = Date.parse(context.env.clock.wall()) - (now - last.at);
  const wait = nextDue(scheduleOf(container), ended) - ended;
  return (last.failures > 0 ? retryWait(last.failures, wait) : wait) - (now - last.at);
}

/** The more failures in a row, the longer; never longer than the schedule lets the next one wait anyway. */
function retryWait(failures: number, scheduled: number): number {
  return Math.min(CHECKPOINT_RETRY_MS * 2 ** (failures - 1), Math.max(scheduled, CHECKPOINT_RETRY_MS));
}

function once<T>(derive: () => T): () => T {
  let known: { value: T } | null = null;
  return () => {
    known ??= { value: derive() };
    return known.value;
  };
}
