import { type Runtime, Undumpable } from "../../provider/agent/env";
import { type ContainerSpec, parkedMac, specDigest } from "../../provider/contract";
import type { SimDisk } from "./disk";
import type { SimCopy, SimEngine } from "./engine";
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
  /** It ends by itself this long after each beginning, ms. */
  crashAfter: Map<string, number>;
}

export interface RuntimeOptions {
  group: string;
  host: string;
  engine: SimEngine;
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

export function createRuntime(o: RuntimeOptions): SimRuntime {
  const { engine, kernel, faults, durations, machine, process } = o;
  const active = new Map<string, string>();
  const listeners = createListeners<string>();

  /** Calls about one container never overlap, but for those that may come at any time. */
  const alone = async <T>(container: string, call: string, work: () => Promise<T>): Promise<T> => {
    const other = active.get(container);
    if (other) o.violated(`${o.host}: ${call} of ${container} was called during ${other}`);
    active.set(container, call);
    try {
      return await work();
    } finally {
      active.delete(container);
    }
  };
  /** An effect that comes after `ms`, whether or not the agent still waits for it. */
  const effect = <T>(ms: number, action: () => T): Promise<T> =>
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
      effect(durations.small, () => {
        for (const copy of engine.copies.values()) engine.thaw(copy, "dump");
      }),
    ensureImage: ({ image }) => effect(durations.small, () => failIf(faults.image, image)),
    list: () =>
      effect(durations.small, () => [...engine.copies.keys()].map((container) => infoOf(container))),
    inspect: (container) => effect(durations.small, () => infoOf(container)),
    prepare: ({ spec }) =>
      alone(spec.name, "prepare", async () => {
        needGate(parked(spec), "prepare");
        await effect(durations.prepare, () => engine.create(spec, parked(spec), "prepared"));
      }),
    start: ({ spec, mac }) =>
      alone(spec.name, "start", async () => {
        needGate(mac, "start");
        await effect(durations.start, () => {
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
        await ready;
        await effect(durations.restore, () => {
          if (engine.copies.get(spec.name) !== copy) throw new Error("it was removed meanwhile");
          const image = o.disk.imageIn(folder);
          if (!image) throw new Error(`${folder} cannot be restored`);
          failIf(faults.restore, spec.name);
          copy.mac = mac;
          copy.life = image.life;
          copy.counter = image.counter;
          copy.origin = { folder, sha256: o.disk.manifestIn(folder), altered: image.altered };
          copy.state = "held";
          if (!hold) engine.run(copy, image);
        });
      }),
    release: (container) =>
      alone(container, "release", () =>
        effect(durations.small, () => {
          const copy = needCopy(container);
          if (copy.state !== "held") throw new Error(`${container} is not held`);
          engine.run(copy, engine.memoryOf(copy));
          crashLater(copy);
        }),
      ),
    keepWarm: (container) =>
      alone(container, "keepWarm", async () => {
        await effect(durations.small, () => {
          const copy = needCopy(container);
          if (copy.state !== "held") throw new Error(`${container} is not held`);
          engine.run(copy, engine.memoryOf(copy));
        });
        // It runs for as long as the engine is busy.
        return effect(durations.small, () => {
          const copy = needCopy(container);
          if (copy.state !== "running") throw new Error(`${container} is ${copy.state}`);
          engine.freeze(copy, "warm");
          return { memoryMb: 64 };
        });
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
        await stop?.();
        const copy = await effect(durations.small, () => {
          const found = needCopy(container);
          if (found.state !== "running") throw new Error(`${container} does not run here`);
          engine.freeze(found, "dump");
          return found;
        });
        try {
          await process.wait(durations.dump);
          const undumpable = faults.dump.get(container);
          if (undumpable) throw new Undumpable(undumpable);
          const lost = faults.dumpsLost.get(container) ?? 0;
          faults.dumpsLost.set(container, lost - 1);
          if (lost > 0) throw new Error("another program traces one of its processes");
          if (copy.state !== "running" || engine.copies.get(container) !== copy)
            throw new Error(`${container} ended while it was dumped`);
          o.disk.write(folder, { ...engine.memoryOf(copy), altered: false });
          return { frozenMs: durations.dump, connections: [] };
        } finally {
          engine.thaw(copy, "dump");
        }
      }),
    freeze: (container, reason) =>
      effect(durations.small, () => {
        const copy = engine.copies.get(container);
        if (copy?.state === "running") engine.freeze(copy, reason);
      }),
    thaw: (container, reason) =>
      alone(container, "thaw", () =>
        effect(durations.small, () => {
          const copy = engine.copies.get(container);
          if (copy) engine.thaw(copy, reason);
        }),
      ),
    kill: (container) => effect(durations.small, () => end(container)),
    remove: (container) =>
      alone(container, "remove", () =>
        effect(durations.small, () => {
          end(container);
          engine.copies.delete(container);
        }),
      ),
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
