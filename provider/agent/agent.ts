import {
  type CtlReply,
  type CtlRequest,
  type GroupConfig,
  type GroupStatus,
  keysOf,
  type Policy,
} from "../contract";
import { createSwitch } from "./actions/switch-off";
import { type Beats, beatForever } from "./beats";
import { consider, holdWithoutStore } from "./carry-out";
import { type Context, track } from "./context";
import { handleCtl } from "./control";
import { adoptCopies, observeCopy } from "./copies";
import { type Counters, newCounters } from "./counters";
import { type Arrivals, arrived } from "./detector";
import { createEngineKeeper } from "./engines";
import type { Env } from "./env";
import { createFencer, type Fencer } from "./fence-others";
import { whomToFence } from "./fencing";
import { createGateKeeper } from "./gate-keeper";
import { createHostCare } from "./host-care";
import { publishInfo } from "./host-info";
import { placingNow } from "./input";
import { checkGate, onLeaseEvent } from "./lapse";
import { createLeaderKeeper } from "./leadership";
import { noObservations, observe } from "./observe";
import { sessionCompares } from "./ownership";
import { pause } from "./pace";
import { createPeerClocks } from "./peer-clocks";
import { createProber } from "./prober";
import { createPromises } from "./promises";
import { createProofOfLife } from "./proof-of-life";
import { establishSession, readStore } from "./session";
import { groupStatus } from "./status";
import { whomToSwitchOff } from "./stonith";
import { keepStored, refreshStored } from "./stored";
import { updateLate, updateSuspects } from "./suspicion";
import { createTeller } from "./tell";
import { type ContainerView, createViewReader, emptyContainer } from "./view";

/** What the lease process says of the gate is compared with what was asked for this often. */
const GATE_CHECK_MS = 1000;
const NO_SESSION = "the agent has not established its session yet";
const NOT_LOOKED =
  "the agent has just been started and has not looked at the group yet: ask again in a moment";
/** After the host could not be made ready, the next attempt. */
const HOST_AGAIN_MS = 3000;
/** Said once, as an abort without a reason makes an error with a stack each time. */
const WOKEN = "woken";
/** An agent whose cycles have not ended for this long says no more that it is alive: it hangs (safety.md 1.5). */
const CYCLE_LIMIT_MS = 5000;

export interface Agent {
  /** Runs cycles until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  handle(request: CtlRequest): Promise<CtlReply>;
  status(): GroupStatus;
  counters(): Counters;
  /** Whether a first cycle was completed. */
  ready: Promise<void>;
}

/** The agent of one host: observes a snapshot, decides with pure functions, acts (design.md 5). */
export function createAgent(env: Env, config: GroupConfig): Agent {
  const readView = createViewReader(config.policy.group);
  const arrivals = new Map<string, Arrivals>();
  const clocks = createPeerClocks();
  const promises = createPromises(env.clock.now());
  const tell = createTeller(env);
  let quorum = false;
  let cycledAt = 0;
  let context: Context | null = null;
  let wakeUp = () => {};
  /** A first cycle was completed: whether there is a quorum is known. */
  let looked = false;
  let isReady = () => {};
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const counters = newCounters();

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
      if (!context) throw new Error(NO_SESSION);
      if (!looked) throw new Error(NOT_LOOKED);
      return groupStatus(context, quorum);
    },
    handle: async (request) => {
      if (!context) return { ok: false, code: "starting", message: NO_SESSION };
      // Whether there is a quorum is not known before.
      if (request.op === "status" && !looked) return { ok: false, code: "starting", message: NOT_LOOKED };
      return handleCtl(context, request, { quorum });
    },
    run,
  };

  async function run(signal: AbortSignal): Promise<void> {
    await ensureHost(signal);
    await tell.certificate();
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

  /** What is missing is told and made as soon as it can be; what runs already is kept meanwhile. */
  async function ensureHost(signal: AbortSignal): Promise<void> {
    const attempt = () =>
      env.runtime.ensureHost(config.policy).then(
        () => true,
        (error: Error) => {
          env.log.event({
            kind: "error",
            sentence: `this host is not ready for containers: ${error.message}`,
          });
          return false;
        },
      );
    if (await attempt()) return;
    void (async () => {
      while (!signal.aborted) {
        await env.clock.sleep(HOST_AGAIN_MS, signal).catch(() => {});
        if (await attempt()) return;
      }
    })();
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
      readView,
      observations: noObservations,
      locals: new Map(),
      stored: new Map(),
      lapsed: false,
      gateBrokenAt: null,
      suspects: new Set(),
      late: new Set(),
      clockAlarms: new Set(),
      engineFaults: new Map(),
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
    // Before the first cycle: what peers and operators ask it for in the meantime concerns them.
    env.net.setPeers(peersOf(me.host, session.policy.hosts));
    await adoptCopies(session);
    await refreshStored(session);
    const probe = createProber(session);
    env.gate.onEvent((event) => {
      if (!signal.aborted) void onLeaseEvent(session, event, { lose, quorum });
    });
    env.runtime.onExit((name) => {
      if (!signal.aborted) void onExit(session, name, probe);
    });
    await adoptGate(session, syncGate);
    cycledAt = env.clock.now();
    const isAlive = () => env.clock.now() - cycledAt < CYCLE_LIMIT_MS;
    const careForHost = createHostCare(session);
    const beats = beatForever(session, { arrivals, isAlive });
    const tools: Tools = {
      syncGate,
      probe,
      beats,
      proveLife: createProofOfLife(session),
      fencer: createFencer(session),
      keepLeadership: createLeaderKeeper(session),
      keepEngines: createEngineKeeper(session),
      switchOff: createSwitch(session),
      lose,
      lastGateCheck: 0,
      written: false,
      told: null,
    };
    signal.addEventListener("abort", () => wakeUp());
    try {
      while (!signal.aborted) {
        // What wakes the agent during a cycle asks for another one.
        const woken = new AbortController();
        wakeUp = () => woken.abort(WOKEN);
        careForHost();
        await cycle(session, tools).catch((error: Error) => {
          // What one record or one step does to it must not end what goes well.
          if (!signal.aborted) tell.faults(`a cycle was not completed: ${error.message}`);
        });
        cycledAt = env.clock.now();
        looked = true;
        isReady();
        await pause(session, woken.signal, quorum);
      }
    } finally {
      beats.stop();
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
        return tell.faults("");
      } catch (error) {
        session.signal.throwIfAborted();
        tell.faults(`the gate was not told of session ${sid.slice(0, 8)}: ${(error as Error).message}`);
        await env.clock.sleep(GATE_CHECK_MS, session.signal);
      }
    }
  }

  async function cycle(session: Context, tools: Tools): Promise<void> {
    try {
      session.view = readView(await env.store.read());
    } catch (error) {
      if (quorum) {
        env.log.event({ kind: "store", sentence: `the store does not answer: ${(error as Error).message}` });
        track(session, tell.certificate());
      }
      quorum = false;
      updateSuspects(session, { arrivals, ownLagMs: tools.beats.lagMs() });
      holdWithoutStore(session);
      return;
    }
    if (!quorum) env.log.event({ kind: "store", sentence: "the store answers" });
    quorum = true;
    session.standIn = null;
    if (tools.written) session.firm = true;
    takeIn(session, tools);
    const own = session.view.hosts.get(session.me.host);
    if (own?.session?.value.sid !== session.me.sid || own.fences.has(session.me.sid))
      return tools.lose("another session or a tombstone is recorded");
    await actOn(session, tools);
  }

  /** What the view that was just read means for what is known of others. */
  function takeIn(session: Context, tools: Tools): void {
    const { view, me } = session;
    session.policy = view.policy?.value ?? session.policy;
    const { timing, hosts, etcdEndpoints } = session.policy;
    session.observations = observe(session.observations, view, timing, env.clock.now());
    if (tools.told !== session.policy) {
      tools.told = session.policy;
      env.net.setPeers(peersOf(me.host, hosts));
      env.store.setEndpoints(etcdEndpoints);
    }
    updateSuspects(session, { arrivals, ownLagMs: tools.beats.lagMs() });
    clocks.judge(session);
    tell.timing(session.policy);
  }

  async function actOn(session: Context, tools: Tools): Promise<void> {
    // A step that fails must not keep the agent from the others, nor from the next cycle.
    const faults = session.view.unreadable.map((fault) => `a record is left alone: ${fault}`);
    const step = async (what: string, work: () => void | Promise<void>) => {
      try {
        await work();
      } catch (error) {
        faults.push(`${what}: ${(error as Error).message}`);
      }
    };
    await step("the gate was not configured", tools.syncGate);
    if (env.clock.now() - tools.lastGateCheck >= GATE_CHECK_MS) {
      tools.lastGateCheck = env.clock.now();
      await step("the gate was not checked", () => checkGate(session));
    }
    await step("what runs here was not looked at", tools.proveLife);
    await step("the generations here were not looked through", () => keepStored(session));
    await step("whom to fence was not decided", () => {
      for (const { host, because } of whomToFence(session)) tools.fencer.fence(host, because);
      tools.switchOff(whomToSwitchOff(session));
    });
    const placing = placingNow(session);
    for (const container of allContainers(session))
      consider(session, container, { probe: tools.probe, placing });
    tools.keepLeadership();
    tools.keepEngines();
    if (session.policy.onQuorumLoss === "failsafe" && !tools.written)
      await step("the store was not written", () => writeNothing(session, tools));
    track(
      session,
      publishInfo(session).catch((error: Error) => {
        if (!session.signal.aborted)
          env.log.warn(`what this host tells the group was not written: ${error.message}`);
      }),
    );
    const fenceFault = tools.fencer.fault();
    if (fenceFault) faults.push(fenceFault);
    if (!session.signal.aborted) tell.faults(faults.join("; "));
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

  async function onExit(session: Context, name: string, probe: Tools["probe"]): Promise<void> {
    await observeCopy(session, name);
    const container = session.view.containers.get(name);
    // What was read last is enough to begin with: every transaction compares what it builds on.
    if (quorum && container && !session.signal.aborted)
      consider(session, container, { probe, placing: placingNow(session) });
    session.wake();
  }
}

function peersOf(me: string, hosts: Policy["hosts"]): Policy["hosts"] {
  return hosts.filter(({ name, role }) => name !== me && role === "member");
}

/** What lives as long as a session, beside what decisions see of it. */
interface Tools {
  syncGate: ReturnType<typeof createGateKeeper>;
  probe: ReturnType<typeof createProber>;
  beats: Beats;
  proveLife: ReturnType<typeof createProofOfLife>;
  fencer: Fencer;
  keepLeadership: ReturnType<typeof createLeaderKeeper>;
  keepEngines: ReturnType<typeof createEngineKeeper>;
  switchOff: ReturnType<typeof createSwitch>;
  lose(why: string): void;
  lastGateCheck: number;
  /** This process has written to the store. */
  written: boolean;
  /** The policy that peers and endpoints were last told from. */
  told: Policy | null;
}

/** Containers that the store names, and copies and generations here that it does not name any more. */
function allContainers(session: Context): ContainerView[] {
  const here = new Set([...session.locals.keys(), ...session.stored.keys()]);
  const unnamed = [...here].filter((name) => !session.view.containers.has(name));
  return [...session.view.containers.values(), ...unnamed.map(emptyContainer)];
}
