import type { z } from "zod";
import {
  type ContainerSpec,
  containerSpecSchema,
  type Declared,
  declaredSchema,
  type Failsafe,
  type Fence,
  type FenceIntent,
  failsafeSchema,
  fenceIntentSchema,
  fenceSchema,
  type Generation,
  generationSchema,
  type Heartbeat,
  type HostInfo,
  heartbeatSchema,
  hostInfoSchema,
  keysOf,
  type Migration,
  migrationSchema,
  nameSchema,
  type Owner,
  ownerSchema,
  type Policy,
  parseJson,
  policySchema,
  type Rule,
  ruleSchema,
  type Schedule,
  type Session,
  type Standbys,
  scheduleSchema,
  sessionSchema,
  specDigest,
  standbysSchema,
} from "../contract";
import type { StoredValue } from "./env";

/** One parsed record with the revision that compares need. */
export interface Rec<T> {
  value: T;
  /** Its text, for compares by value. */
  text: string;
  rev: number;
}

export interface HostView {
  name: string;
  session: Rec<Session> | null;
  heartbeat: Rec<Heartbeat> | null;
  info: HostInfo | null;
  /** Tombstones by session. */
  fences: Map<string, Rec<Fence>>;
  /** Who may run the fencing command against it, by session. */
  intents: Map<string, Rec<FenceIntent>>;
}

export interface ContainerView {
  name: string;
  spec: Rec<ContainerSpec> | null;
  schedule: Rec<Schedule> | null;
  owner: Rec<Owner> | null;
  generation: Rec<Generation> | null;
  standbys: Rec<Standbys> | null;
  /** A handover is in progress, or the record of one that is void. */
  migration: Rec<Migration> | null;
  /** Who alone may take it from a fenced owner; null: every host. */
  failsafe: Rec<Failsafe> | null;
  /** One of its records is of a version that this one cannot read: it is left alone. */
  unreadable: boolean;
}

/** Everything the store says about a group, at one revision. */
export interface GroupView {
  policy: Rec<Policy> | null;
  declared: Rec<Declared> | null;
  hosts: Map<string, HostView>;
  containers: Map<string, ContainerView>;
  rules: Map<string, Rec<Rule>>;
  /** Records this version cannot read; what they belong to is left alone. */
  unreadable: string[];
}

const leaves = {
  spec: containerSpecSchema,
  schedule: scheduleSchema,
  owner: ownerSchema,
  gen: generationSchema,
  standbys: standbysSchema,
  mig: migrationSchema,
  failsafe: failsafeSchema,
} satisfies Record<string, z.ZodType>;

type Parsed = Rec<unknown> | { rev: number; fault: string };
/** The record at a key; null: it cannot be read, which the view says. */
type Reading = <T>(schema: z.ZodType<T>) => Rec<T> | null;
/** Puts what stands at a key into a view. */
type Placing = (view: GroupView, record: Reading) => void;

/**
 * Returns a function that turns raw keys into a view; records whose revision did not change are not parsed again, nor is
 * what a key says.
 */
export function createViewReader(group: string): (raw: ReadonlyMap<string, StoredValue>) => GroupView {
  const keys = keysOf(group);
  let cache = new Map<string, { put: Placing; parsed: Parsed | null }>();

  return (raw) => {
    const view: GroupView = {
      policy: null,
      declared: null,
      hosts: new Map(),
      containers: new Map(),
      rules: new Map(),
      unreadable: [],
    };
    const next: typeof cache = new Map();
    for (const [key, stored] of raw) {
      const known = cache.get(key) ?? { put: placingOf(key), parsed: null };
      next.set(key, known);
      known.put(view, <T>(schema: z.ZodType<T>) => {
        if (known.parsed?.rev !== stored.modRevision) known.parsed = parsed(key, schema, stored);
        if ("fault" in known.parsed) {
          view.unreadable.push(known.parsed.fault);
          return null;
        }
        return known.parsed as Rec<T>;
      });
    }
    cache = next;
    return view;
  };

  function placingOf(key: string): Placing {
    if (key === keys.policy)
      return (view, record) => {
        view.policy = record(policySchema);
      };
    if (key === keys.declared)
      return (view, record) => {
        view.declared = record(declaredSchema);
      };
    const [area, name, leaf] = key.slice(keys.prefix.length).split("/");
    // safety: names become folders that are deleted.
    if (name !== undefined && !nameSchema.safeParse(name).success) {
      const fault = `${key}: ${JSON.stringify(name)} is no name of a host, container or rule`;
      return (view) => view.unreadable.push(fault);
    }
    if (area === "rule" && name)
      return (view, record) => {
        const rule = record(ruleSchema);
        if (rule) view.rules.set(name, rule);
      };
    if (!name || !leaf) return () => {};
    if (area === "host") return (view, record) => putOfHost(hostOf(view, name), leaf, record);
    if (area === "ct") return (view, record) => putOfContainer(view, { name, leaf }, record);
    if (area === "fence")
      return (view, record) => {
        const fence = record(fenceSchema);
        if (fence) hostOf(view, name).fences.set(leaf, fence);
      };
    if (area === "fence-intent")
      return (view, record) => {
        const intent = record(fenceIntentSchema);
        if (intent) hostOf(view, name).intents.set(leaf, intent);
      };
    return () => {};
  }
}

function putOfHost(host: HostView, leaf: string, record: Reading): void {
  if (leaf === "session") host.session = record(sessionSchema);
  if (leaf === "hb") host.heartbeat = record(heartbeatSchema);
  if (leaf === "info") host.info = record(hostInfoSchema)?.value ?? null;
}

function putOfContainer(
  view: GroupView,
  { name, leaf }: { name: string; leaf: string },
  record: Reading,
): void {
  const container = containerOf(view, name);
  const faults = view.unreadable.length;
  if (leaf === "mig") container.migration = record(leaves.mig);
  if (leaf === "failsafe") container.failsafe = record(leaves.failsafe);
  if (leaf === "spec") container.spec = record(leaves.spec);
  if (leaf === "schedule") container.schedule = record(leaves.schedule);
  if (leaf === "owner") container.owner = record(leaves.owner);
  if (leaf === "gen") container.generation = record(leaves.gen);
  if (leaf === "standbys") container.standbys = record(leaves.standbys);
  if (view.unreadable.length > faults) container.unreadable = true;
}

function parsed<T>(key: string, schema: z.ZodType<T>, stored: StoredValue): Parsed {
  try {
    return { value: parseJson(schema, stored.value, key), text: stored.value, rev: stored.modRevision };
  } catch (error) {
    return { rev: stored.modRevision, fault: (error as Error).message };
  }
}

function hostOf(view: GroupView, name: string): HostView {
  const host = view.hosts.get(name) ?? {
    name,
    session: null,
    heartbeat: null,
    info: null,
    fences: new Map(),
    intents: new Map(),
  };
  view.hosts.set(name, host);
  return host;
}

function containerOf(view: GroupView, name: string): ContainerView {
  const container = view.containers.get(name) ?? emptyContainer(name);
  view.containers.set(name, container);
  return container;
}

/** A container that the store says nothing about. */
export function emptyContainer(name: string): ContainerView {
  return {
    name,
    spec: null,
    schedule: null,
    owner: null,
    generation: null,
    standbys: null,
    migration: null,
    failsafe: null,
    unreadable: false,
  };
}

/** The named generation, where it is one of the present specification. */
export function usableGeneration(container: ContainerView): Generation | null {
  const generation = container.generation?.value;
  if (!generation || !container.spec) return null;
  return generation.specDigest === specDigest(container.spec.value) ? generation : null;
}

/** Whether `sid` is the host's session and no tombstone ends it. */
export function sessionHolds(view: GroupView, host: string, sid: string): boolean {
  const seen = view.hosts.get(host);
  return seen?.session?.value.sid === sid && !seen.fences.has(sid);
}
