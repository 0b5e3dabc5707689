import { type Runtime, Undumpable } from "../../provider/agent/env";
import { type ContainerSpec, parkedMac, specDigest } from "../../provider/contract";
import type { SimCriu } from "./criu";
import type { SimDisk } from "./disk";
import type { SimCopy, SimEngine } from "./engine";
import { freezerOf } from "./freezer";
import type { SimKernel } from "./kernel";
import { createListeners } from "./listeners";
import type { SimProcess } from "./process";

/** How long the engine takes, ms. */
export interface Durations {
  start: number;
  prepare: number;
  restore: number;
  dump: number;
  /** Everything else: MAC, release, kill, freeze. */
  small: number;
}

/** What a test makes go wrong, by container or `*`. */
export interface Faults {
  image: Map<string, string>;
  /** An engine that does not work: nothing can be asked of it. */
  engine: Map<string, string>;
  start: Map<string, string>;
  restore: Map<string, string>;
  /** Nothing that CRIU can dump. */
  dump: Map<string, string>;
  /** So many dumps fail for a reason that passes. */
  dumpsLost: Map<string, number>;
  probe: Map<string, string>;
  /** Why this host cannot ask. */
  ask: Map<string, string>;
  announce: Map<string, string>;
  /** So many releases do not come to pass: it waits before its first instruction still. */
  releasesLost: Map<string, number>;
  /** Calls by their name: each takes this much longer, ms. */
  slow: Map<string, number>;
  /** It ends by itself this long after each beginning, ms. */
  crashAfter: Map<string, number>;
}

export interface RuntimeOptions {
  group: string;
  host: string;
  engine: SimEngine;
  criu: SimCriu;
  kernel: SimKernel;
  disk: SimDisk;
  faults: Faults;
  durations: Durations;
  newLife(): number;
  /** The host itself: what an engine was told to do happens even when the agent dies meanwhile. */
  machine: SimProcess;
  process: SimProcess;
  /** Something happened that the ports forbid. */
  violated(sentence: string): void;
}

export interface SimRuntime extends Runtime {
  /** The kernel tells of the end of a copy's last process. */
  exited(container: string): void;
}

/** Of each of an engine's commands. */
const ENGINE_LIMIT_MS = 30_000;
const ENGINE_LOOK_MS = 5;
const DEATH_LOOK_MS = 50;
const RELEASE_LIMIT_MS = 1000;

export function createRuntime(o: RuntimeOptions): SimRuntime {
  const { engine, criu, kernel, faults, durations, machine, process } = o;
  const freezer = freezerOf(o);
  /** Restores whose engine is not done yet: what gives the cgroup back. */
  const loans = new Map<string, () => Promise<void>>();
  const active = new Map<string, string>();
  const listeners = createListeners<string>();

  /** Calls about one container never overlap, but for those that may come at any time. */
  const alone = async <T>(container: string, call: string, work: () => Promise<T>): Promise<T> => {
    const other = active.get(container);
    if (other) o.violated(`${o.host}: ${call} of ${container} was called during ${other}`);
    active.set(container, call);
    try {
      await lateness(container, call);
      return await work();
    } finally {
      active.delete(container);
    }
  };
  /** An effect that comes after `ms`, whether or not the agent still waits for it. */
  const effect = <T>(ms: number, action: () => T | Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      machine.after(ms, () => {
        try {
          const result = action();
          process.deliver(() => resolve(result));
        } catch (error) {
          process.deliver(() => reject(error));
        }
      });
    });
  /** Something that goes on without the agent; what comes of it arrives where the agent still lives. */
  const arriving = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      work.then(
        (result) => process.deliver(() => resolve(result)),
        (error) => process.deliver(() => reject(error)),
      );
    });
  /** The engine keeps a lock while it restores, so that its other commands hang while a copy is held. */
  const untilEngineIsFree = async (container: string) => {
    const deadline = process.clock.now() + ENGINE_LIMIT_MS;
    const isBusy = () =>
      [...engine.copies.values()].some((other) => other.state === "held" && other.container !== container);
    while (isBusy()) {
      if (process.clock.now() > deadline)
        throw new Error(`\`podman\` did not end within ${ENGINE_LIMIT_MS / 1000} s`);
      await process.wait(ENGINE_LOOK_MS);
    }
  };
  /** A release that hangs ends with the copy that it was for; a dump is late in its own way. */
  const lateness = async (container: string, call: string) => {
    if (call === "dump") return;
    const readyAt = process.clock.now() + (faults.slow.get(call) ?? 0);
    const goesOn = () => call !== "release" || engine.copies.get(container)?.state === "held";
    while (process.clock.now() < readyAt && goesOn())
      await process.wait(Math.min(DEATH_LOOK_MS, Math.max(1, readyAt - process.clock.now())));
  };
  /** Its death ends a dump that has not begun to stop it. */
  const untilCriuIsSetUp = async (container: string) => {
    const readyAt = process.clock.now() + durations.small + (faults.slow.get("dump") ?? 0);
    while (process.clock.now() < readyAt && needCopy(container).state === "running")
      await process.wait(Math.min(DEATH_LOOK_MS, Math.max(1, readyAt - process.clock.now())));
  };
  const giveBack = async (container: string) => {
    const loan = loans.get(container);
    loans.delete(container);
    await loan?.();
  };
  /** It executes from here on, and the engine notes that a moment later. */
  const letGo = async (container: string) => {
    if (needCopy(container).state !== "held") throw new Error(`${container} is not held`);
    if (!loans.has(container)) loans.set(container, freezer.lend(container));
    const lost = faults.releasesLost.get(container) ?? 0;
    if (lost > 0) {
      faults.releasesLost.set(container, lost - 1);
      const deadline = process.clock.now() + RELEASE_LIMIT_MS;
      while (process.clock.now() < deadline && engine.copies.get(container)?.state === "held")
        await process.wait(DEATH_LOOK_MS);
      throw new Error(`not within ${RELEASE_LIMIT_MS / 1000} s: ${container} executes after its release`);
    }
    await effect(durations.small, () => {
      const copy = needCopy(container);
      if (copy.state !== "held") throw new Error(`${container} is not held`);
      engine.run(copy, engine.memoryOf(copy));
      crashLater(copy);
    });
  };
  const needCopy = (container: string): SimCopy => {
    const copy = engine.copies.get(container);
    if (!copy) throw new Error(`no copy of ${container} is on this host`);
    return copy;
  };
  const needGate = (mac: string, call: string) => {
    if (!kernel.isProtected(mac) || !kernel.isHere(mac))
      o.violated(`${o.host}: ${call} with ${mac}, which the gate does not know to be here`);
  };
  const failIf = (map: Map<string, string>, container: string) => {
    const fault = map.get(container) ?? map.get("*");
    if (fault !== undefined) throw new Error(fault);
  };
  const parked = (spec: ContainerSpec) => parkedMac(o.group, spec.name, o.host);
  const crashLater = (copy: SimCopy) => {
    const ms = faults.crashAfter.get(copy.container);
    const { life, since } = copy;
    if (ms === undefined) return;
    machine.after(ms, () => {
      if (copy.life !== life || copy.since < since || copy.state !== "running") return;
      engine.end(copy, "exit code 1");
      runtime.exited(copy.container);
    });
  };

  const runtime: SimRuntime = {
    exited: (container) => machine.after(3, () => process.deliver(() => listeners.tell(container))),
    ensureHost: () =>
      effect(durations.small, async () => {
        for (const { container } of engine.copies.values()) {
          while (criu.isAt(container)) await process.wait(ENGINE_LOOK_MS);
          await freezer.thaw(container, "dump");
        }
      }),
    ensureImage: ({ engine: name, image }) =>
      effect(durations.small, () => {
        failIf(faults.engine, name);
        failIf(faults.image, image);
      }),
    imageVolumes: () => effect(durations.small, () => []),
    keepImages: () => effect(durations.small, () => {}),
    keepEngine: (name) =>
      effect(durations.small, () => {
        const fault = faults.engine.get(name) ?? null;
        const lost = fault === null ? [...engine.lost] : [];
        for (const container of lost) engine.lost.delete(container);
        return { fault, lost };
      }),
    list: () =>
      effect(durations.small, () => [...engine.copies.keys()].map((container) => infoOf(container))),
    inspect: (container) => effect(durations.small, () => infoOf(container)),
    look: async (container) => engine.stateOf(container),
    prepare: ({ spec }) =>
      alone(spec.name, "prepare", async () => {
        needGate(parked(spec), "prepare");
        await untilEngineIsFree(spec.name);
        await effect(durations.prepare, () => {
          failIf(faults.engine, spec.workload.engine);
          engine.create(spec, parked(spec), "prepared");
        });
      }),
    start: ({ spec, mac }) =>
      alone(spec.name, "start", async () => {
        needGate(mac, "start");
        await untilEngineIsFree(spec.name);
        await effect(durations.start, () => {
          failIf(faults.engine, spec.workload.engine);
          failIf(faults.start, spec.name);
          const copy = engine.create(spec, mac, "running");
          engine.run(copy, { life: o.newLife(), counter: 0 });
          crashLater(copy);
        });
      }),
    restore: ({ spec, mac, folder, ready, again, hold }) =>
      alone(spec.name, "restore", async () => {
        needGate(mac, "restore");
        const copy = needCopy(spec.name);
        const isFree = copy.state === "prepared" || (again && copy.state === "exited");
        if (!isFree || copy.specDigest !== specDigest(spec))
          throw new Error(`${spec.name} cannot be restored on ${o.host}: its copy is ${copy.state}`);
        freezer.forget(spec.name);
        await ready;
        loans.set(spec.name, freezer.lend(spec.name));
        await effect(durations.restore, () => {
          if (engine.copies.get(spec.name) !== copy) throw new Error("it was removed meanwhile");
          const image = o.disk.imageIn(folder);
          if (!image) throw new Error(`${folder} cannot be restored`);
          failIf(faults.engine, spec.workload.engine);
          failIf(faults.restore, spec.name);
          copy.mac = mac;
          copy.life = image.life;
          copy.counter = image.counter;
          copy.origin = { folder, sha256: o.disk.manifestIn(folder), altered: image.altered };
          copy.state = "held";
        }).catch(async (error: Error) => {
          await giveBack(spec.name);
          throw error;
        });
        if (!hold) await letGo(spec.name);
      }),
    release: (container) =>
      alone(container, "release", async () => {
        await letGo(container);
        machine.after(durations.small, () => process.deliver(() => void giveBack(container)));
      }),
    keepWarm: (container) =>
      alone(container, "keepWarm", async () => {
        await freezer.freeze(container, "warm");
        await letGo(container);
        // It runs for as long as the engine is busy.
        await process.wait(durations.small);
        await giveBack(container);
        if (engine.stateOf(container) !== "warm")
          throw new Error(`${container} is ${engine.stateOf(container)}`);
        return { memoryMb: 64 };
      }),
    setMac: (container, mac) =>
      alone(container, "setMac", async () => {
        needGate(mac, "setMac");
        await effect(durations.small, () => {
          needCopy(container).mac = mac;
        });
      }),
    dump: ({ container, folder, stop }) =>
      alone(container, "dump", async () => {
        await untilCriuIsSetUp(container);
        await stop?.();
        const copy = needCopy(container);
        if (copy.state !== "running") throw new Error(`${container} does not run here`);
        await freezer.freeze(container, "dump");
        const giveBackAfterDump = freezer.lend(container);
        try {
          const undumpable = faults.dump.get(container);
          if (undumpable) throw new Undumpable(undumpable);
          const lost = faults.dumpsLost.get(container) ?? 0;
          faults.dumpsLost.set(container, lost - 1);
          if (lost > 0) throw new Error("another program traces one of its processes");
          await arriving(criu.dump(copy, durations.dump));
          o.disk.write(folder, { ...engine.memoryOf(copy), altered: false });
          return { frozenMs: durations.dump, connections: [] };
        } finally {
          await freezer.thaw(container, "dump");
          await giveBackAfterDump();
        }
      }),
    freeze: (container, reason) => effect(durations.small, () => freezer.freeze(container, reason)),
    thaw: (container, reason) =>
      alone(container, "thaw", () => effect(durations.small, () => freezer.thaw(container, reason))),
    kill: (container) => effect(durations.small, () => end(container)),
    remove: (container) =>
      alone(container, "remove", async () => {
        await effect(durations.small, () => end(container));
        await untilEngineIsFree(container);
        await effect(durations.small, () => {
          const copy = engine.copies.get(container);
          if (copy) failIf(faults.engine, copy.engine);
          engine.copies.delete(container);
        });
      }),
    announce: ({ spec }) => effect(durations.small, () => failIf(faults.announce, spec.name)),
    withdraw: () => effect(durations.small, () => {}),
    tickle: () => effect(durations.small, () => {}),
    probe: ({ spec }) =>
      effect(durations.small, () => {
        const why = faults.ask.get(spec.name) ?? faults.ask.get("*");
        if (why !== undefined) return { result: "unasked", why };
        const state = engine.stateOf(spec.name);
        if (state !== "running") return { result: "unasked", why: `it is ${state}` };
        const fault = faults.probe.get(spec.name);
        return fault === undefined ? { result: "healthy" } : { result: "failed", fault };
      }),
    keepHost: async () => ({ mended: [], broken: [] }),
    onExit: listeners.add,
    versions: async () => ({ criu: "4.2", runtime: "runc 1.3", kernel: "6.18" }),
  };
  return runtime;

  function end(container: string): void {
    const copy = engine.copies.get(container);
    if (copy && copy.state !== "prepared" && copy.state !== "exited") engine.end(copy, "killed");
    void giveBack(container);
  }

  function infoOf(container: string) {
    const copy = engine.copies.get(container);
    return {
      container,
      state: engine.stateOf(container),
      pid: null,
      mac: copy?.mac ?? null,
      detail: copy?.detail ?? null,
    };
  }
}
