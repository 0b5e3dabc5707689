import { type Agent, createAgent } from "../../provider/agent/agent";
import { type Env, type HostPort, isStanding } from "../../provider/agent/env";
import { agentTimeouts, leaseTimeouts, type StoreTimeouts } from "../../provider/agent/env/store-timeouts";
import type { LeaseEnv } from "../../provider/agent/lease/env";
import { createLease } from "../../provider/agent/lease/lease";
import type { CtlRequest, Event, GroupConfig } from "../../provider/contract";
import { createCriu, type SimCriu } from "./criu";
import { createSimDisk, type SimDisk } from "./disk";
import { createEngine, type SimEngine } from "./engine";
import { createFailpoints, type Failpoints } from "./failpoints";
import { createGate, type LeaseProcess, type SimGate } from "./gate";
import { createKernel, type SimKernel } from "./kernel";
import type { Links } from "./links";
import { createListeners } from "./listeners";
import { createNet, type Peer, type SimNet } from "./net";
import { createProcess, type SimProcess } from "./process";
import type { Random } from "./random";
import type { Records } from "./records";
import { createRuntime, type Durations, type Faults, type SimRuntime } from "./runtime";
import type { Scheduler } from "./scheduler";
import { createStore } from "./store";
import type { Tamper } from "./tamper";

/** What all hosts of a world share. */
export interface Ground {
  scheduler: Scheduler;
  random: Random;
  records: Records;
  links: Links;
  durations: Durations;
  /** Ms of one operation on a disk, and of one transfer between two. */
  diskMs(): number;
  transferMs(): number;
  newLife(): number;
  /** A sentence for the story that a failed test prints. */
  tell(host: string, kind: string, sentence: string): void;
  event(host: string, event: Omit<Event, "at" | "host">): void;
  violated(sentence: string): void;
  changed(): void;
  peerOf(host: string): Peer | null;
  /** Its kernel lives: it refuses what nobody listens to. */
  isOn(host: string): boolean;
  tamper: Tamper;
  /** The fencing command, run by this process. */
  switchOff(process: SimProcess, argv: string[]): Promise<void>;
}

/** One host with its power, its disk, its kernel, and the processes that run on it. */
export interface SimHost {
  name: string;
  on: boolean;
  disk: SimDisk;
  /** On the disk as well. */
  lastSid: string | null;
  faults: Faults;
  failpoints: { agent: Failpoints; lease: Failpoints };
  /** How far somebody set its wall clock forward, ms. */
  skewMs: number;
  /** Free memory. */
  memoryMb: number;
  /** What a power cut takes: null while it is off. */
  machine: Machine | null;
  agent: AgentProcess | null;
  lease: LeaseProcess | null;
  /** Since when the host has had all it needs to renew, true ms; null: it has not. */
  soundSince: number | null;
  /** The same but for the store's own outages. */
  linkedSince: number | null;
  /** Since when its power is on and its processes run. */
  awakeSince: number | null;
  powerOn(): void;
  powerOff(): void;
  /** Another machine under the same name: nothing is on its disk. It is off. */
  replace(): void;
  startAgent(): void;
  killAgent(): void;
  startLease(): void;
  killLease(): void;
}

export interface Machine {
  process: SimProcess;
  bootId: string;
  kernel: SimKernel;
  engine: SimEngine;
  criu: SimCriu;
  /** `/run`: gone with the power. */
  session: Awaited<ReturnType<HostPort["readSession"]>>;
}

export interface AgentProcess extends Peer {
  agent: Agent;
  /** A first cycle was completed. */
  ready: boolean;
  runtime: SimRuntime;
  gate: SimGate;
}

const SOCKET_MS = 0.3;

export function createHost(
  ground: Ground,
  { name, rate, config }: { name: string; rate: number; config: GroupConfig },
): SimHost {
  const { scheduler, random } = ground;
  const group = config.policy.group;
  let boots = 0;
  let sids = 0;

  const newProcess = () => createProcess(scheduler, rate, () => host.skewMs);

  const host: SimHost = {
    name,
    on: false,
    disk: ground.tamper.disk(createSimDisk({ operationMs: ground.diskMs })),
    lastSid: null,
    faults: {
      image: new Map(),
      engine: new Map(),
      start: new Map(),
      restore: new Map(),
      dump: new Map(),
      dumpsLost: new Map(),
      releasesLost: new Map(),
      slow: new Map(),
      probe: new Map(),
      ask: new Map(),
      announce: new Map(),
      crashAfter: new Map(),
    },
    failpoints: { agent: createFailpoints(), lease: createFailpoints() },
    skewMs: 0,
    memoryMb: 4096,
    machine: null,
    agent: null,
    lease: null,
    soundSince: null,
    linkedSince: null,
    awakeSince: null,
    powerOn,
    powerOff,
    replace,
    startAgent,
    killAgent,
    startLease,
    killLease,
  };
  return host;

  function powerOn(): void {
    if (host.on) return;
    boots += 1;
    host.on = true;
    const { now } = scheduler;
    const machine = newProcess();
    const engine = ground.tamper.engine(createEngine({ group, now, changed: ground.changed }));
    host.machine = {
      process: machine,
      bootId: `${name}-boot-${boots}`,
      kernel: createKernel({ now, rate, random, changed: ground.changed }),
      engine,
      criu: createCriu({ engine, machine, now }),
      session: null,
    };
    startLease();
    startAgent();
  }

  function powerOff(): void {
    killAgent();
    killLease();
    host.machine?.process.kill();
    if (host.machine) host.disk.lose(random);
    host.machine = null;
    host.on = false;
  }

  function replace(): void {
    powerOff();
    host.disk = ground.tamper.disk(createSimDisk({ operationMs: ground.diskMs }));
    host.lastSid = null;
  }

  /** Its connection to the store, and what a mutant may hear of it. */
  function storeOf(process: SimProcess, timeouts: StoreTimeouts) {
    const replies = createListeners<unknown>();
    const store = createStore({ ...ground, group, host: name, timeouts, process, heard: replies.tell });
    return { store, onReply: replies.add };
  }

  function log(process: SimProcess, program: string): Env["log"] {
    const tell = (sentence: string) => {
      if (!process.alive) return;
      ground.tell(name, program, sentence);
      if (sentence.includes("unexpected transition")) ground.violated(`${name}: ${sentence}`);
    };
    return {
      debug: () => {},
      info: tell,
      warn: tell,
      event: (event) => process.alive && ground.event(name, event),
    };
  }

  function startLease(): void {
    if (!host.machine || host.lease) return;
    const process = newProcess();
    const { watch } = host.failpoints.lease;
    const { store, onReply } = storeOf(process, leaseTimeouts);
    const env: LeaseEnv = {
      clock: process.clock,
      store: watch(store),
      kernel: watch(host.machine.kernel.commandsOf(process)),
      host: hostPort(host.machine),
      log: log(process, "lease"),
    };
    const lease = createLease({
      group,
      host: name,
      timing: config.policy.timing,
      env: ground.tamper.lease(env, { onReply }),
    });
    const running: LeaseProcess = { process, lease, standing: null };
    lease.onEvent((event) => {
      if (isStanding(event)) running.standing = event;
      host.agent?.gate.hear(event);
    });
    host.lease = running;
    lease.start().then(
      () => process.alive && host.agent?.gate.connect(running),
      (error: Error) => ground.violated(`${name}: the lease process ended: ${error.stack}`),
    );
  }

  function killLease(): void {
    host.lease?.process.kill();
    host.lease = null;
    host.agent?.gate.connect(null);
  }

  function startAgent(): void {
    const { machine } = host;
    if (!machine || host.agent) return;
    const process = newProcess();
    const gate = createGate({ process, socketMs: () => SOCKET_MS });
    const net: SimNet = createNet({ ...ground, host: name, process, disk: host.disk });
    const runtime = createRuntime({
      ...ground,
      ...machine,
      ...host,
      group,
      host: name,
      machine: machine.process,
      process,
    });
    const { watch } = host.failpoints.agent;
    const { store, onReply } = storeOf(process, agentTimeouts);
    const env: Env = {
      clock: process.clock,
      store: watch(store),
      net: watch(net),
      gate: watch(gate),
      runtime: watch(runtime),
      disk: watch(host.disk.portOf(process)),
      host: hostPort(machine),
      fencing: watch<Env["fencing"]>({ switchOff: (argv) => ground.switchOff(process, argv) }),
      log: log(process, "agent"),
    };
    const agent = createAgent(ground.tamper.agent(env, { onReply }), config);
    host.agent = {
      process,
      disk: host.disk,
      agent,
      ready: false,
      runtime,
      gate,
      hear: net.hear,
      handle: (request) => agent.handle(request as CtlRequest),
    };
    const running = host.agent;
    void agent.ready.then(() => {
      running.ready = true;
    });
    if (host.lease) gate.connect(host.lease);
    agent.run(new AbortController().signal).catch((error: Error) => {
      if (!process.alive) return;
      ground.violated(`${name}: the agent ended: ${error.stack}`);
      killAgent();
      scheduler.after(1000, startAgent);
    });
  }

  function killAgent(): void {
    host.agent?.process.kill();
    host.agent = null;
  }

  function hostPort(machine: Machine): HostPort {
    return {
      bootId: async () => machine.bootId,
      readSession: async () => machine.session,
      writeSession: async (session) => {
        machine.session = session;
        host.lastSid = session.sid;
      },
      lastSid: async () => host.lastSid,
      newSid: () => `${name}-${++sids}`,
      memoryMb: async () => host.memoryMb,
      certificateUntil: async () => "2030-01-01T00:00:00Z",
      certificateFault: async () => null,
    };
  }
}
