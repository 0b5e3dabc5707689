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
import { type Context, count, type Local, localOf, type Subject, track } from "./context";
import { handleCtl } from "./control";
import { adoptCopies, observeCopy } from "./copies";
import { type Decision, decide } from "./decide";
import { type Arrivals, arrived } from "./detector";
import type { Env } from "./env";
import { whomToFence } from "./fencing";
import { createGateKeeper } from "./gate-keeper";
import { publishInfo } from "./host-info";
import { decideInput } from "./input";
import { checkGate, onLeaseEvent } from "./lapse";
import { betterLeader } from "./leadership";
import { noObservations, observe } from "./observe";
import { fenceTxn, sessionCompares } from "./ownership";
import { beatInterval, pause } from "./pace";
import { createPeerClocks } from "./peer-clocks";
import { createProber } from "./prober";
import { createPromises } from "./promises";
import { establishSession, readStore } from "./session";
import { groupStatus, timingSentence } from "./status";
import { whomToSwitchOff } from "./stonith";
import { keepStored, refreshStored } from "./stored";
import { updateLate, updateSuspects } from "./suspicion";
import { type ContainerView, createViewReader, emptyContainer } from "./view";

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
    if (context) updateLate(context, arrivals);
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
      late: new Set(),
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
      if (!signal.aborted) void onLeaseEvent(session, event, { lose, quorum });
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
        await pause(session, woken.signal, quorum);
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
        updateLate(session, arrivals);
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
      updateSuspects(session, { arrivals, ownLagMs });
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
    updateSuspects(session, { arrivals, ownLagMs });
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
    if (env.clock.now() - tools.lastGateCheck >= GATE_CHECK_MS) {
      tools.lastGateCheck = env.clock.now();
      await step("the gate was not checked", checkGate(session));
    }
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
    track(session, carryOut(session, { container, local }, decision));
  }

  async function carryOut(session: Context, subject: Subject, decision: Decision): Promise<void> {
    const { local, container } = subject;
    local.busy = decision.do;
    try {
      env.log.debug(await act(session, subject, decision));
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
