import {
  type CtlReply,
  type CtlRequest,
  type GroupConfig,
  type GroupStatus,
  keysOf,
  type Policy,
  realMac,
} from "../contract";
import { act } from "./actions";
import { createSwitch } from "./actions/switch-off";
import { type Context, count, enter, type Local, localOf, type Subject, track } from "./context";
import { handleCtl } from "./control";
import { type Decision, decide } from "./decide";
import { type Arrivals, arrived, lateAt, suspected } from "./detector";
import type { Env, LeaseEvent } from "./env";
import { askForPromises } from "./failsafe";
import { whomToFence } from "./fencing";
import { createGateKeeper } from "./gate-keeper";
import { publishInfo } from "./host-info";
import { decideInput } from "./input";
import { betterLeader } from "./leadership";
import { heartbeatAge, isOverdue, noObservations, observe, untilFence } from "./observe";
import { fenceTxn, sessionCompares } from "./ownership";
import { createPeerClocks } from "./peer-clocks";
import { createPromises } from "./promises";
import { createProber } from "./prober";
import { establishSession, readStore } from "./session";
import { groupStatus, timingSentence } from "./status";
import { whomToSwitchOff } from "./stonith";
import { keepStored, refreshStored } from "./stored";
import { type ContainerView, createViewReader, emptyContainer, sessionHolds } from "./view";

/** While W of a suspected peer is counted the store is read this often, so that it is counted closely. */
const SUSPICION_READ_MS = 25;
/** While a container is handed over from here. */
const MOVE_READ_MS = 50;
/** While a container that was moved here waits for this host to own it, nobody serves it. */
const HANDOVER_READ_MS = 10;
/**
 * Otherwise it is read as often as keeps every count of W: with W/6 between two reads, two of them may fail before a
 * gap of W/2 starts the counts anew (safety.md 1.2, I9). In short profiles less often, since reads are what an idle
 * agent costs; in long ones more often, since what is wanted of it is read with them.
 */
const QUIET_READS_PER_W = 6;
const LEAST_READ_MS = 200;
const MOST_READ_MS = 500;
/** The lease process hears this often that the agent is alive: several times in the silence that it allows. */
const PING_MS = 1000;
/** What the lease process says of the gate is compared with what was asked for this often. */
const GATE_CHECK_MS = 1000;
/** Whether etcd's leader is on this host, and should not be, is asked this often. */
const LEADER_CHECK_MS = 3000;
/** Said once, as an abort without a reason makes an error with a stack each time. */
const WOKEN = "woken";
/** An agent whose cycles have not ended for this long says no more that it is alive: it hangs (safety.md 1.5). */
const CYCLE_LIMIT_MS = 5000;

export interface Agent {
  /** Runs cycles until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  handle(request: CtlRequest): Promise<CtlReply>;
  status(): GroupStatus;
  counters(): Record<string, number>;
  /** Whether a first cycle was completed. */
  ready: Promise<void>;
}

/** The agent of one host: observes a snapshot, decides with pure functions, acts (design.md 5). */
export function createAgent(env: Env, config: GroupConfig): Agent {
  const readView = createViewReader(config.policy.group);
  const arrivals = new Map<string, Arrivals>();
  const clocks = createPeerClocks();
  const promises = createPromises(env.clock.now());
  let toldTiming = "";
  let quorum = false;
  let ownLagMs = 0;
  let cycledAt = 0;
  let fault: string | null = null;
  let context: Context | null = null;
  let wakeUp = () => {};
  let isReady = () => {};
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const counters: Record<string, number> = {};

  env.net.onHeartbeat((heartbeat) => {
    const { from, sid } = heartbeat;
    const now = env.clock.now();
    arrivals.set(from, arrived(arrivals.get(from), sid, now));
    clocks.heard(heartbeat, now);
  });

  return {
    ready,
    counters: () => counters,
    status: () => {
      if (!context) throw new Error("the agent has not established its session yet");
      return groupStatus(context, quorum);
    },
    handle: async (request) =>
      context
        ? handleCtl(context, request, { quorum })
        : { ok: false, code: "failed", message: "the agent has not established its session yet" },
    run,
  };

  async function run(signal: AbortSignal): Promise<void> {
    await env.runtime.ensureHost(config.policy);
    await tellCertificate();
    while (!signal.aborted) {
      const ended = new AbortController();
      const either = AbortSignal.any([signal, ended.signal]);
      await live(either, (why) => {
        env.log.event({ kind: "session-lost", sentence: `this host's session ended: ${why}` });
        ended.abort(new Error(why));
      }).catch((error: Error) => {
        if (!either.aborted) throw error;
      });
      if (context && !signal.aborted) await endActions(context);
    }
  }

  /**
   * Calls about one container must not overlap, so the next session waits for what the lost one had begun. Killing
   * the copies, which no record allows any more, ends what the engine is doing with them.
   */
  async function endActions(session: Context): Promise<void> {
    await Promise.allSettled([...session.locals.keys()].map((name) => env.runtime.kill(name)));
    await Promise.allSettled(session.actions);
  }

  /** One session: from its beginning to its loss. */
  async function live(signal: AbortSignal, lose: (why: string) => void): Promise<void> {
    const { me, sentence } = await establishSession(
      env,
      {
        group: config.policy.group,
        host: config.host,
        intervalMs: config.policy.timing.intervalMs,
      },
      signal,
    );
    env.log.event({ kind: "session", sentence: `${me.host} ${sentence}` });
    context = {
      env,
      config,
      policy: config.policy,
      me,
      view: readView(await readStore(env, signal)),
      observations: noObservations,
      locals: new Map(),
      stored: new Map(),
      lapsed: false,
      gateBrokenAt: null,
      suspects: new Set(),
      clockAlarms: new Set(),
      promises,
      firm: false,
      standIn: null,
      counters,
      signal,
      actions: new Set(),
      wake: () => wakeUp(),
      syncGate: () => syncGate(),
    };
    const session = context;
    const syncGate = createGateKeeper(session);
    await adoptCopies(session);
    await refreshStored(session);
    const tools: Tools = {
      syncGate,
      probe: createProber(session),
      switchOff: createSwitch(session),
      lose,
      lastGateCheck: 0,
      lastLeaderCheck: 0,
      written: false,
      told: null,
      fencing: new Set(),
      fenceFault: null,
    };
    env.gate.onEvent((event) => {
      if (!signal.aborted) void onLeaseEvent(session, event, lose);
    });
    env.runtime.onExit((name) => {
      if (!signal.aborted) void onExit(session, name, tools);
    });
    await adoptGate(session, syncGate);
    cycledAt = env.clock.now();
    const timer = beatForever(session);
    signal.addEventListener("abort", () => wakeUp());
    try {
      while (!signal.aborted) {
        // What wakes the agent during a cycle asks for another one.
        const woken = new AbortController();
        wakeUp = () => woken.abort(WOKEN);
        await cycle(session, tools);
        cycledAt = env.clock.now();
        isReady();
        await pause(session, woken.signal);
      }
    } finally {
      timer.abort();
    }
  }

  /** Until its gate can be told, a host serves nothing; whoever repairs it need not start the agent again. */
  async function adoptGate(session: Context, syncGate: () => Promise<void>): Promise<void> {
    const { sid, record } = session.me;
    for (;;) {
      session.signal.throwIfAborted();
      try {
        await env.gate.adopt({ sid, record });
        await syncGate();
        return complain(session, "");
      } catch (error) {
        complain(session, `the gate was not told of session ${sid.slice(0, 8)}: ${(error as Error).message}`);
        await env.clock.sleep(GATE_CHECK_MS, session.signal);
      }
    }
  }

  /** Sends heartbeats on a schedule of their own: a long action must not look like a death. */
  function beatForever(session: Context): AbortController {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, session.signal]);
    let pingedAt = Number.NEGATIVE_INFINITY;
    const loop = async () => {
      while (!signal.aborted) {
        env.net.beat(session.me.sid);
        const before = env.clock.now();
        if (before - pingedAt >= PING_MS && before - cycledAt < CYCLE_LIMIT_MS) {
          pingedAt = before;
          env.gate.ping();
        }
        await env.clock.sleep(beatInterval(session), signal);
        ownLagMs = Math.max(0, env.clock.now() - before - beatInterval(session));
      }
    };
    loop().catch((error: Error) => {
      if (!signal.aborted) env.log.warn(`heartbeats stopped: ${error.message}`);
    });
    return stop;
  }

  async function cycle(session: Context, tools: Tools): Promise<void> {
    try {
      session.view = readView(await env.store.read());
    } catch (error) {
      if (quorum) {
        env.log.event({ kind: "store", sentence: `the store does not answer: ${(error as Error).message}` });
        track(session, tellCertificate());
      }
      quorum = false;
      updateSuspects(session);
      holdWithoutStore(session, tools);
      return;
    }
    if (!quorum) env.log.event({ kind: "store", sentence: "the store answers" });
    quorum = true;
    session.standIn = null;
    if (tools.written) session.firm = true;
    session.policy = session.view.policy?.value ?? session.policy;
    session.observations = observe(
      session.observations,
      session.view,
      session.policy.timing,
      env.clock.now(),
    );
    if (tools.told !== session.policy) {
      tools.told = session.policy;
      env.net.setPeers(
        session.policy.hosts.filter((host) => host.name !== session.me.host && host.role === "member"),
      );
      env.store.setEndpoints(session.policy.etcdEndpoints);
    }
    updateSuspects(session);
    clocks.judge(session);
    tellTiming(session);
    const own = session.view.hosts.get(session.me.host);
    if (own?.session?.value.sid !== session.me.sid || own.fences.has(session.me.sid)) {
      tools.lose("another session or a tombstone is recorded");
      return;
    }
    // A step that fails must not keep the agent from the others, nor from the next cycle.
    const faults: string[] = [];
    const step = (what: string, work: Promise<void>) =>
      work.catch((error: Error) => {
        faults.push(`${what}: ${error.message}`);
      });
    await step("the gate was not configured", tools.syncGate());
    await step("the gate was not checked", checkGate(session, tools));
    await step("the generations here were not looked through", keepStored(session));
    for (const { host, because } of whomToFence(session)) fenceBeside(session, host, because, tools);
    tools.switchOff(whomToSwitchOff(session));
    for (const container of allContainers(session)) consider(session, container, tools);
    keepLeadership(session, tools);
    if (session.policy.onQuorumLoss === "failsafe" && !tools.written)
      await step("the store was not written", writeNothing(session, tools));
    track(
      session,
      publishInfo(session).catch((error: Error) => {
        if (!session.signal.aborted)
          env.log.warn(`what this host tells the group was not written: ${error.message}`);
      }),
    );
    if (tools.fenceFault) faults.push(tools.fenceFault);
    complain(session, faults.join("; "));
  }

  /** etcd's leader may have died with the primary: what only prepares does not wait for the election. */
  function holdWithoutStore(session: Context, tools: Tools): void {
    for (const container of session.view.containers.values()) {
      const decision = decide(decideInput(session, container));
      if (decision.do === "hold") consider(session, container, tools);
    }
  }

  /**
   * An acknowledged write, which changes nothing: no read after it shows what stood before the last that an earlier
   * process of this agent had acknowledged.
   */
  async function writeNothing({ me }: Context, tools: Tools): Promise<void> {
    const nothing = { delete: `${keysOf(me.group).session(me.host)}/none` };
    const { result } = await env.store.txn({ compares: sessionCompares(me), writes: [nothing] });
    tools.written = result === "committed";
  }

  /** Keeps etcd's leadership off hosts that run primaries; which host leads is no matter of safety. */
  function keepLeadership(session: Context, tools: Tools): void {
    const now = env.clock.now();
    if (now - tools.lastLeaderCheck < LEADER_CHECK_MS) return;
    tools.lastLeaderCheck = now;
    const target = betterLeader(session);
    if (!target) return;
    track(
      session,
      env.store.moveLeader(target).catch((error: Error) => {
        env.log.debug(`etcd's leadership was not moved to ${target}: ${error.message}`);
      }),
    );
  }

  /** With a certificate that nobody accepts every other message would be a riddle. */
  async function tellCertificate(): Promise<void> {
    const wrong = await env.host.certificateFault().catch((error: Error) => error.message);
    if (wrong) env.log.event({ kind: "certificate", sentence: wrong });
  }

  function tellTiming({ policy }: Context): void {
    const sentence = timingSentence(policy);
    if (sentence !== toldTiming) env.log.event({ kind: "timing", sentence });
    toldTiming = sentence;
  }

  /** Tells of trouble when it begins or changes, not in each cycle. */
  function complain(session: Context, faults: string): void {
    if (faults === (fault ?? "") || session.signal.aborted) return;
    fault = faults || null;
    if (fault) env.log.event({ kind: "error", sentence: fault });
  }

  function consider(session: Context, container: ContainerView, tools: Tools): void {
    const local = localOf(session, container.name);
    const decision = decide(decideInput(session, container));
    if (decision.do === "nothing") {
      if (isForgotten(session, container.name, local)) session.locals.delete(container.name);
      if (container.owner?.value.host === session.me.host) tools.probe(container, local);
      return;
    }
    if (local.busy) {
      // What another host owns now must not wait for a long action to end.
      if (decision.do === "evict" && local.joined) track(session, closeAtOnce(session, container.name));
      return;
    }
    track(session, carryOut(session, { container, local }, decision, tools));
  }

  async function carryOut(
    session: Context,
    subject: Subject,
    decision: Decision,
    { syncGate }: Tools,
  ): Promise<void> {
    const { local, container } = subject;
    local.busy = decision.do;
    try {
      env.log.debug(await act(session, subject, decision, syncGate));
    } catch (error) {
      if (session.signal.aborted) return;
      env.log.event({
        kind: "error",
        container: container.name,
        sentence: `${container.name}: ${decision.do} failed: ${(error as Error).message}`,
      });
      await observeCopy(session, container.name);
      await env.clock.sleep(500, session.signal).catch(() => {});
    } finally {
      local.busy = null;
      session.wake();
    }
  }

  /** Not part of the cycle: while its reply is waited for, reads must go on, or every count of W starts anew. */
  function fenceBeside(session: Context, host: string, because: string, tools: Tools): void {
    if (tools.fencing.has(host)) return;
    tools.fencing.add(host);
    tools.fenceFault = null;
    const work = fence(session, host, because).catch((error: Error) => {
      tools.fenceFault = `${host} was not fenced: ${error.message}`;
    });
    track(
      session,
      work.finally(() => tools.fencing.delete(host)),
    );
  }

  async function fence(session: Context, host: string, because: string): Promise<void> {
    const seen = session.observations.hosts.get(host)!;
    const target = session.view.hosts.get(host)!;
    const record = { by: session.me.host, method: "timeout" as const, at: env.clock.wall() };
    promises.unsettled.set(host, seen.rev);
    const outcome = await env.store.txn(fenceTxn(session.me, target, seen.rev, record));
    // One that is committed stands here for as long as no read has shown it.
    if (outcome.result === "refused") promises.unsettled.delete(host);
    if (outcome.result !== "committed") return;
    count(session, "fences_total");
    env.log.event({ kind: "fence", sentence: `${host} is fenced by ${session.me.host}: ${because}` });
    session.wake();
  }

  function updateSuspects(session: Context): void {
    const now = env.clock.now();
    const intervalMs = beatInterval(session);
    const next = new Set<string>();
    for (const [host, seen] of arrivals) {
      const record = session.view.hosts.get(host)?.session?.value.sid;
      if (record === seen.sid && suspected(seen, { now, intervalMs, ownLagMs })) next.add(host);
    }
    for (const host of next) {
      if (!session.suspects.has(host))
        env.log.event({ kind: "suspicion", sentence: `${host} is suspected: its heartbeats stopped` });
    }
    for (const host of session.suspects) {
      if (!next.has(host))
        env.log.event({ kind: "suspicion", sentence: `${host} is not suspected any more` });
    }
    session.suspects = next;
  }

  /**
   * Sleeps until the next cycle is due, something wakes the agent, or a heartbeat is late: W of what may have died is
   * counted from the first read of its last renewal, and the next quiet read would be a while off.
   */
  async function pause(session: Context, woken: AbortSignal): Promise<void> {
    const due = env.clock.now() + readPause(session);
    const heard = new Set(heardPeers(session));
    for (;;) {
      const now = env.clock.now();
      const late = [...heard].map((peer) => lateAt(arrivals.get(peer)!, beatInterval(session)));
      if (woken.aborted || now >= due || late.some((at) => at <= now)) return;
      await env.clock.sleep(Math.min(due, ...late) - now, woken).catch(() => {});
    }
  }

  /** Peers whose next heartbeat is not late yet. */
  function heardPeers(session: Context): string[] {
    const now = env.clock.now();
    const interval = beatInterval(session);
    return [...arrivals].flatMap(([peer, seen]) => {
      const known = session.view.hosts.get(peer)?.session?.value.sid === seen.sid;
      return known && lateAt(seen, interval) > now ? [peer] : [];
    });
  }

  function readPause(session: Context): number {
    const locals = [...session.locals.values()];
    // A container that was moved here waits before its next instruction for the word that this host owns it.
    if (locals.some((local) => local.heldFor !== null)) return HANDOVER_READ_MS;
    const { timing } = session.policy;
    if (isCounting(session))
      return Math.min(SUSPICION_READ_MS, untilFence(session.observations, timing, env.clock.now()));
    // A target that dies now is to be suspected soon; what is moved needs the processor, too.
    if (locals.some((local) => local.standing === "HANDOVER")) return MOVE_READ_MS;
    const { fenceMs, intervalMs } = timing;
    const quiet = Math.min(Math.max(fenceMs / QUIET_READS_PER_W, LEAST_READ_MS), MOST_READ_MS);
    return quorum ? quiet : Math.min(quiet, intervalMs);
  }

  /**
   * Whether a peer's W runs, or ran out so lately that its fence may still be on its way. A peer that has lost only the
   * store is not suspected, since it is heard; its key tells.
   */
  function isCounting({ me, suspects, observations, policy: { timing, hosts }, view }: Context): boolean {
    const now = env.clock.now();
    const limit = 2 * timing.fenceMs;
    const suspected = [...suspects].some((host) => (heartbeatAge(observations, host, now) ?? 0) < limit);
    return suspected || hosts.some(({ name }) => name !== me.host && isHeldOverdue(name));

    function isHeldOverdue(name: string): boolean {
      const sid = view.hosts.get(name)?.session?.value.sid;
      return sid !== undefined && sessionHolds(view, name, sid) && isOverdue(observations, name, timing, now);
    }
  }

  async function onLeaseEvent(
    session: Context,
    event: LeaseEvent,
    lose: (why: string) => void,
  ): Promise<void> {
    if (event.type === "tampered") {
      env.log.event({
        kind: "gate",
        sentence: `the gate's table was changed by somebody: ${event.detail}; ${event.repaired ? "repaired, closed" : "not repaired"}`,
      });
      for (const local of session.locals.values()) local.joined = false;
      session.gateBrokenAt = event.repaired ? null : env.clock.now();
      // safety: without a gate nothing cuts a container off when the lease ends.
      if (!event.repaired) await freezeAll(session, (local) => local.mac === "real");
      return session.wake();
    }
    if (event.sid !== session.me.sid) return;
    if (event.type === "asking")
      return askForPromises(session, event, quorum).catch((error: Error) => {
        if (!session.signal.aborted)
          env.log.warn(`the lease process was not told of promises: ${error.message}`);
      });
    if (event.type === "lost") return lose("the lease's renewal was refused");
    session.lapsed = event.type === "lapsed";
    if (session.lapsed) await lapse(session);
    else {
      session.gateBrokenAt = null;
      env.log.event({ kind: "lease", sentence: "the lease is renewed again" });
    }
    session.wake();
  }

  /** The kernel already drops; freezing stops time for the application until it is known who owns it. */
  async function lapse(session: Context): Promise<void> {
    count(session, "lapses_total");
    // What still begins is behind the closed gate, and would take a freeze for a failure.
    const frozen = await freezeAll(
      session,
      (local) => local.mac === "real" && local.standing !== "RESTORING",
    );
    env.log.event({
      kind: "lease",
      sentence: `the lease was not renewed in time: ${frozen.join(", ") || "nothing"} is cut off and frozen`,
    });
  }

  async function freezeAll(session: Context, which: (local: Local) => boolean): Promise<string[]> {
    const running = [...session.locals].filter(([, local]) => local.state === "running" && which(local));
    await Promise.allSettled(
      running.map(async ([name, local]) => {
        local.joined = false;
        enter(session, name, local, "LAPSED");
        await env.runtime.freeze(name, "lapse");
        // It may have ended meanwhile, and nobody would be told again.
        if (local.state === "running") local.state = "frozen";
      }),
    );
    return running.map(([name]) => name);
  }

  async function onExit(session: Context, name: string, tools: Tools): Promise<void> {
    await observeCopy(session, name);
    const container = session.view.containers.get(name);
    // What was read last is enough to begin with: every transaction compares what it builds on.
    if (quorum && container && !session.signal.aborted) consider(session, container, tools);
    session.wake();
  }

  async function closeAtOnce(session: Context, container: string): Promise<void> {
    localOf(session, container).joined = false;
    await Promise.allSettled([
      env.gate.leave(realMac(session.me.group, container)),
      env.runtime.kill(container),
    ]);
  }

  async function checkGate(session: Context, tools: Tools): Promise<void> {
    const now = env.clock.now();
    if (now - tools.lastGateCheck < GATE_CHECK_MS) return;
    tools.lastGateCheck = now;
    const { open, lapsed, sid, leaseMs } = await env.gate.state();
    if (sid !== session.me.sid) {
      await env.gate.adopt({ sid: session.me.sid, record: session.me.record });
      return;
    }
    if (lapsed && !session.lapsed) {
      session.lapsed = true;
      await lapse(session);
    }
    session.lapsed = lapsed;
    // A lease that was renewed since could use its gate.
    const broken = session.gateBrokenAt !== null && now - session.gateBrokenAt <= leaseMs;
    if (!broken && !lapsed) session.gateBrokenAt = null;
    for (const [name, local] of session.locals) {
      if (local.joined && !open.includes(realMac(session.me.group, name))) local.joined = false;
    }
  }

  async function adoptCopies(session: Context): Promise<void> {
    for (const copy of await env.runtime.list()) await observeCopy(session, copy.container);
  }

  async function observeCopy(session: Context, name: string): Promise<void> {
    const copy = await env.runtime.inspect(name).catch(() => null);
    if (!copy) return;
    const local = localOf(session, name);
    local.state = copy.state;
    local.detail = copy.detail;
    local.mac = copy.mac === null ? null : copy.mac === realMac(session.me.group, name) ? "real" : "parked";
    if (copy.state === "prepared") enter(session, name, local, "PREPARED");
    if (copy.state === "absent") enter(session, name, local, "ABSENT");
    if (copy.state !== "held" && copy.state !== "warm") Object.assign(local, { held: null, warmMb: null });
    if (copy.state !== "held") local.heldFor = null;
  }
}

interface Tools {
  syncGate(): Promise<void>;
  probe: ReturnType<typeof createProber>;
  switchOff: ReturnType<typeof createSwitch>;
  lose(why: string): void;
  lastGateCheck: number;
  lastLeaderCheck: number;
  /** This process has written to the store. */
  written: boolean;
  /** The policy that peers and endpoints were last told from. */
  told: Policy | null;
  /** Hosts whose fence is on its way. */
  fencing: Set<string>;
  /** Why the last fence failed. */
  fenceFault: string | null;
}

/** How often UDP heartbeats are sent, ms. */
function beatInterval(session: Context): number {
  return session.policy.timing.intervalMs;
}

/** Nothing of it is in the store or here any more. */
function isForgotten(session: Context, name: string, local: Local): boolean {
  return !session.view.containers.has(name) && local.state === "absent" && !local.busy;
}

/** Containers that the store names, and copies and generations here that it does not name any more. */
function allContainers(session: Context): ContainerView[] {
  const here = new Set([...session.locals.keys(), ...session.stored.keys()]);
  const unnamed = [...here].filter((name) => !session.view.containers.has(name));
  return [...session.view.containers.values(), ...unnamed.map(emptyContainer)];
}
