import { createViewReader, type GroupView } from "../../provider/agent/view";
import {
  type ContainerSpec,
  type CtlReply,
  type CtlRequest,
  keysOf,
  type Owner,
  type Policy,
  type Timing,
} from "../../provider/contract";
import { createFencing, type SimFencing } from "./fencing";
import { configOf, GROUP, policyOf } from "./group";
import { createHost, type Ground, type SimHost } from "./host";
import { createInvariants, type Invariants } from "./invariants";
import { createLinks, type Links, STORE } from "./links";
import { createRandom, type Random } from "./random";
import { createRecords, type Records } from "./records";
import type { Durations } from "./runtime";
import { createScheduler } from "./scheduler";
import { honest, type Tamper } from "./tamper";

export interface WorldOptions {
  seed?: number;
  /** Names of the hosts; a, b, c by default. */
  hosts?: string[];
  timing?: Timing;
  durations?: Durations;
  /** Ms of one transfer of a generation. */
  transferMs?: number;
  /** How fast each host's clock runs; 1 where it is not said. */
  rates?: Record<string, number>;
  /** Hosts that the store cannot reach are held to I6 as well; an agent that is started there is not yet. */
  cutOffToo?: boolean;
  /** A mutant's way in. */
  tamper?: Partial<Tamper>;
}

/** A group of simulated hosts that run the real agent and the real lease on virtual time. */
export interface World {
  /** What the fencing command does, and how it was called. */
  fencing: SimFencing;
  random: Random;
  records: Records;
  links: Links;
  policy: Policy;
  /** The timings it began with. */
  timing: Timing;
  invariants: Invariants;
  /** What happened, line by line. */
  story: string[];
  now(): number;
  host(name: string): SimHost;
  hosts: SimHost[];
  view(): GroupView;
  owner(container?: string): Owner | null;
  answering(container?: string): string[];
  /** The counter in the memory of the copy that answers; throws when none does. */
  counter(container?: string): number;
  events(kind: string): string[];
  /** Virtual time passes. Throws at the first broken invariant. */
  run(ms: number): Promise<void>;
  /** Virtual time passes until `done`; throws after `limitMs` with what it waited for. */
  until(what: string, done: () => boolean, limitMs?: number): Promise<void>;
  /** A line for the story. */
  tell(host: string, kind: string, sentence: string): void;
  /** A request to the agent of a host, while other things go on. */
  ask(host: string, request: CtlRequest): Promise<CtlReply>;
  /** The same, waited for. */
  ctl(host: string, request: CtlRequest): Promise<CtlReply>;
  /** Declares a container and waits until it answers and a generation is committed. */
  protect(spec: ContainerSpec): Promise<void>;
  /** Cuts hosts off: from everything, from the store, or from their peers; one way where it is said. */
  cut(host: string, from?: "all" | "store" | "peers", direction?: "both" | "in" | "out"): void;
  /** Every link is whole again, or those of one host. */
  heal(host?: string): void;
  powerOff(host: string): void;
  powerOn(host: string): void;
  /** The agent's process dies; the service manager starts it again after a while, where it is said. */
  killAgent(host: string, restartAfterMs?: number): void;
  killLease(host: string, restartAfterMs?: number): void;
  crashContainer(host: string, container?: string): void;
  setPolicy(change: Partial<Policy>): void;
  /** Somebody writes this text into a record. No invariant speaks of that record from then on. */
  garble(key: string, text: string): void;
  /** Something that happens after so much virtual time. */
  later(ms: number, action: () => void): void;
  /** Ends everything, so that nothing holds memory. */
  end(): void;
}

export const realistic: Durations = { start: 300, prepare: 150, restore: 165, dump: 30, small: 2 };
/** A slow restore hides mistakes in the order of things (safety.md 5.4). */
export const instantaneous: Durations = { start: 0, prepare: 0, restore: 0, dump: 0, small: 0 };

const LOOK_MS = 100;
const UNTIL_MS = 30_000;
const STORY_LINES = 60;

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const scheduler = createScheduler();
  const random = createRandom(options.seed ?? 1);
  const names = options.hosts ?? ["a", "b", "c"];
  const records = createRecords();
  const links = createLinks(random);
  const hosts = new Map<string, SimHost>();
  const story: string[] = [];
  const kinds: { kind: string; sentence: string }[] = [];
  let policy = policyOf({ hosts: names, timing: options.timing });
  let violation: string | null = null;
  let dirty = true;
  let lives = 0;

  const fencing = createFencing({ powerOff: (name) => world.powerOff(name) });
  const tell = (host: string, kind: string, sentence: string) => {
    story.push(`${(scheduler.now() / 1000).toFixed(3)} ${host} ${kind}: ${sentence}`);
  };
  const violated = (sentence: string) => {
    tell("-", "VIOLATION", sentence);
    violation ??= sentence;
  };
  const ground: Ground = {
    scheduler,
    random,
    records,
    links,
    durations: options.durations ?? realistic,
    diskMs: () => random.between(0, 3),
    transferMs: () => random.between(0.5, 1) * (options.transferMs ?? 40),
    newLife: () => ++lives,
    tell,
    event: (host, { kind, sentence }) => {
      tell(host, kind, sentence);
      kinds.push({ kind, sentence });
    },
    violated,
    changed: () => {
      dirty = true;
    },
    peerOf: (name) => hosts.get(name)?.agent ?? null,
    isOn: (name) => hosts.get(name)?.on ?? false,
    tamper: { ...honest, ...options.tamper },
    switchOff: (process, argv) => fencing.run(process, argv),
  };
  const invariants = createInvariants({
    group: GROUP,
    timing: () => policy.timing,
    cutOffToo: options.cutOffToo ?? false,
    hosts,
    now: scheduler.now,
    violated,
  });
  const garbled = new Set<string>();
  records.onChange((change) => {
    if (!garbled.has(change.key)) invariants.changed(change);
    dirty = true;
  });
  scheduler.onSettled(() => {
    if (!dirty) return;
    dirty = false;
    invariants.look();
  });
  const readView = createViewReader(GROUP);
  let lastView: { revision: number; view: GroupView } | null = null;
  /** Who waits for something looks after each event, and most change nothing in the store. */
  const view = () => {
    if (lastView?.revision !== records.revision())
      lastView = { revision: records.revision(), view: readView(records.snapshot().keys) };
    return lastView.view;
  };
  const writePolicy = () =>
    records.apply({ compares: [], writes: [{ put: keysOf(GROUP).policy, value: JSON.stringify(policy) }] });
  writePolicy();
  for (const name of names) {
    hosts.set(
      name,
      createHost(ground, { name, rate: options.rates?.[name] ?? 1, config: configOf(name, policy) }),
    );
    hosts.get(name)!.disk.onChange((change) => invariants.diskChanged(name, change));
  }
  let answered = true;
  const lookAtHosts = () => {
    const now = scheduler.now();
    const answers = links.storeUp && links.electionUntil <= now;
    if (answers !== answered) invariants.storeAnswers(answers);
    answered = answers;
    const since = (holds: boolean, before: number | null) => (holds ? (before ?? now) : null);
    for (const host of hosts.values()) {
      host.awakeSince = since(isAwake(host), host.awakeSince);
      host.linkedSince = since(isAwake(host) && isLinked(host, links), host.linkedSince);
      host.soundSince = since(host.linkedSince !== null && answers, host.soundSince);
    }
    dirty = true;
  };
  const watchHosts = () => {
    lookAtHosts();
    scheduler.after(LOOK_MS, watchHosts);
  };
  watchHosts();

  const failIfViolated = () => {
    if (violation !== null) throw new Error(failure(violation));
  };
  const failure = (sentence: string) =>
    `seed ${options.seed ?? 1}: ${sentence}\n${story.slice(-STORY_LINES).join("\n")}`;
  const hostNamed = (name: string) => {
    const host = hosts.get(name);
    if (!host) throw new Error(`no host ${name} in this world`);
    return host;
  };

  const world: World = {
    fencing,
    random,
    records,
    links,
    get policy() {
      return policy;
    },
    timing: policy.timing,
    invariants,
    story,
    now: scheduler.now,
    host: hostNamed,
    hosts: [...hosts.values()],
    view,
    owner: (container = "db") => view().containers.get(container)?.owner?.value ?? null,
    answering: (container = "db") => invariants.answering(container),
    counter(container = "db") {
      const [name] = invariants.answering(container);
      if (!name) throw new Error(failure(`nobody answers for ${container}`));
      const { engine } = hostNamed(name).machine!;
      return engine.memoryOf(engine.copies.get(container)!).counter;
    },
    events: (kind) => kinds.filter((event) => event.kind === kind).map(({ sentence }) => sentence),
    async run(ms) {
      await scheduler.run(scheduler.now() + ms, () => violation !== null);
      failIfViolated();
    },
    async until(what, done, limitMs = UNTIL_MS) {
      await scheduler.run(scheduler.now() + limitMs, () => violation !== null || done());
      failIfViolated();
      if (!done()) throw new Error(failure(`waited ${limitMs} ms in vain until ${what}`));
    },
    tell,
    ask: (name, request) => hostNamed(name).agent!.agent.handle(request),
    async ctl(name, request) {
      let reply: CtlReply | null = null;
      world.ask(name, request).then((answer) => {
        reply = answer;
      });
      await world.until(`${name} replies to ${request.op}`, () => reply !== null, 200_000);
      return reply!;
    },
    async protect(spec) {
      const reply = await world.ctl(names[0]!, { op: "apply", spec });
      if (!reply.ok) throw new Error(failure(reply.message));
      await world.until(`${spec.name} answers and is protected`, () => {
        const container = world.view().containers.get(spec.name);
        return invariants.answering(spec.name).length === 1 && container?.generation != null;
      });
    },
    cut(name, from = "all", direction = "both") {
      tell(name, "CUT", `from ${from}, ${direction}`);
      const others = [
        ...(from === "peers" ? [] : [STORE]),
        ...(from === "store" ? [] : names.filter((n) => n !== name)),
      ];
      for (const other of others) {
        if (direction !== "in") links.cut(name, other);
        if (direction !== "out") links.cut(other, name);
      }
      // It may be healed again before the next look.
      lookAtHosts();
    },
    heal(name) {
      tell(name ?? "-", "HEAL", "every link");
      links.heal(name);
    },
    powerOff(name) {
      tell(name, "POWER OFF", "");
      hostNamed(name).powerOff();
      dirty = true;
    },
    powerOn(name) {
      tell(name, "POWER ON", "");
      hostNamed(name).powerOn();
    },
    killAgent(name, restartAfterMs) {
      tell(name, "KILL", "agent");
      const host = hostNamed(name);
      host.killAgent();
      if (restartAfterMs !== undefined) scheduler.after(restartAfterMs, host.startAgent);
    },
    killLease(name, restartAfterMs) {
      tell(name, "KILL", "lease");
      const host = hostNamed(name);
      host.killLease();
      if (restartAfterMs !== undefined) scheduler.after(restartAfterMs, host.startLease);
    },
    crashContainer(name, container = "db") {
      tell(name, "CRASH", container);
      const { machine, agent } = hostNamed(name);
      const copy = machine?.engine.copies.get(container);
      if (copy?.state !== "running") return;
      machine!.engine.end(copy, "exit code 137");
      agent?.runtime.exited(container);
    },
    garble(key, text) {
      garbled.add(key);
      records.apply({ compares: [], writes: [{ put: key, value: text }] });
    },
    setPolicy(change) {
      policy = { ...policy, ...change };
      writePolicy();
    },
    later: (ms, action) => {
      scheduler.after(ms, action);
    },
    end() {
      for (const host of hosts.values()) host.powerOff();
    },
  };
  for (const host of hosts.values()) host.powerOn();
  await world.until("every agent sees every host live", () =>
    world.hosts.every(
      ({ agent }) => agent?.ready && agent.agent.status().hosts.every((host) => host.state === "live"),
    ),
  );
  return world;
}

/** Whether its power is on and its processes run. */
function isAwake({ on, agent, lease, disk, machine }: SimHost): boolean {
  // An agent that was started again knows of nothing before it has read the store once.
  const runs = on && agent?.ready && lease !== null && !agent.process.paused && !lease.process.paused;
  return runs === true && !disk.hangs && machine?.kernel.broken === false;
}

/** Whether what it sends to the store, and what the store sends back, arrives. */
function isLinked({ name }: SimHost, links: Links): boolean {
  const shares = [links.loss, links.lostReplies, links.lateReplies, links.delayMs, links.staleReads];
  return links.pass(name, STORE) && links.pass(STORE, name) && shares.every((share) => share === 0);
}
