import type { Engine, Generation, GroupConfig, Manifest, Policy } from "../contract";
import type { Counter, Counters } from "./counters";
import type { LocalCopy } from "./decide";
import type { Env } from "./env";
import type { Observations } from "./observe";
import type { Me } from "./ownership";
import type { Promises } from "./promises";
import { mayFollow, type State, states } from "./states";
import type { ContainerView, createViewReader, GroupView } from "./view";

/** What is known of one container on this host between cycles. */
export interface Local extends LocalCopy {
  standing: State;
  /** What is being done about it now; null: nothing. */
  busy: string | null;
  /** Standbys that did not take what was sent: how often in a row, and when last, monotonic ms. */
  refusals: Map<string, { inARow: number; at: number }>;
  /** Why protection is not complete, one sentence. */
  degraded: string | null;
  /** Why nothing is known of its application's health, one sentence: this host cannot ask it. */
  unasked: string | null;
}

/** The agent's state. Only the cycle and the actions it starts change it. */
export interface Context {
  env: Env;
  config: GroupConfig;
  policy: Policy;
  me: Me;
  view: GroupView;
  /** Parses only what changed since the last read: with many containers a whole view is work. */
  readView: ReturnType<typeof createViewReader>;
  observations: Observations;
  locals: Map<string, Local>;
  /** This host's complete generations, by container. */
  stored: Map<string, Manifest[]>;
  lapsed: boolean;
  /** Since when the gate has been gone and could not be repaired, monotonic ms; null: it is there. */
  gateBrokenAt: number | null;
  suspects: Set<string>;
  /** Peers whose next heartbeat is late: no suspicion yet, but what they record is looked at. */
  late: ReadonlySet<string>;
  /** Peers whose clock runs so differently that W proves nothing between them and this host. */
  clockAlarms: ReadonlySet<string>;
  /** Engines that do not work on this host, and why. */
  engineFaults: ReadonlyMap<Engine, string>;
  /** Kept from one session to the next. */
  promises: Promises;
  /** What this process reads is no older than anything that an earlier one has sent. */
  firm: boolean;
  /** How promises stand in for the store, or why they do not; null: they did not have to since it answered. */
  standIn: string | null;
  counters: Counters;
  /** Ends when the session ends or the agent stops. */
  signal: AbortSignal;
  /** What goes on now; a new session begins when all of it has ended. */
  actions: Set<Promise<unknown>>;
  /** Run the next cycle now. */
  wake(): void;
  /** Brings the gate up to date; called before any copy is created or changes its MAC. */
  syncGate(): Promise<void>;
}

/** What is known of a copy where there is none. */
const noCopy = {
  state: "absent",
  detail: null,
  mac: null,
  specDigest: null,
  held: null,
  heldSince: null,
  heldFor: null,
  warmMb: null,
  joined: false,
  runningSince: null,
  unhealthy: null,
  unreleased: false,
  stalledSince: null,
} satisfies Partial<LocalCopy>;

/** The copy is no more, nor is what was known of its life. What is known of files, failures and moves stays. */
export function forgetCopy(local: Local): void {
  Object.assign(local, noCopy);
}

export function localOf(context: Context, container: string): Local {
  const known = context.locals.get(container);
  if (known) return known;
  const fresh: Local = {
    ...noCopy,
    standing: "ABSENT",
    doubted: false,
    checkpointing: false,
    probing: 0,
    lastCheckpoint: null,
    noHoldBefore: 0,
    noPrepareBefore: 0,
    tending: false,
    noTendingBefore: 0,
    checked: null,
    damaged: null,
    move: null,
    handedOverAt: null,
    noMoveBefore: 0,
    failsafe: null,
    busy: null,
    refusals: new Map(),
    degraded: null,
    unasked: null,
  };
  context.locals.set(container, fresh);
  return fresh;
}

/** What an action works on: the container as the decision saw it. */
export interface Subject {
  container: ContainerView;
  local: Local;
}

export function storedKeys(context: Context, container: string): Set<string> {
  return new Set((context.stored.get(container) ?? []).map((manifest) => generationKey(manifest)));
}

export function generationKey({ epoch, gen }: Pick<Generation, "epoch" | "gen">): string {
  return `${epoch}-${gen}`;
}

export function count(context: Context, counter: Counter, by = 1): void {
  context.counters[counter] += by;
}

/** The one place where a container's state on this host changes; each change is logged once. */
export function enter(context: Context, container: string, local: Local, next: State): void {
  const before = local.standing;
  if (before === next) return;
  if (!mayFollow(before, next))
    context.env.log.warn(`${container}: unexpected transition ${before} => ${next}`);
  local.standing = next;
  context.env.log.info(`${container}: ${before} => ${next} (${states[next]})`);
}

export function track(context: Context, action: Promise<unknown>): void {
  context.actions.add(action);
  const ended = () => context.actions.delete(action);
  action.then(ended, ended);
}

/** The same work, but given up when the session ends: for what may take minutes and changes no copy. */
export function unlessEnded<T>({ signal }: Context, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => reject(signal.reason);
    signal.addEventListener("abort", end);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
    if (signal.aborted) end();
  });
}
