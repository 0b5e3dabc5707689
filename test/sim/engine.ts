import type { CopyState } from "../../provider/agent/env";
import { type ContainerSpec, realMac, specDigest } from "../../provider/contract";
import type { Memory } from "./memory";

/** One copy of a container on one host, as its kernel and engine have it: it outlives the agent. */
export interface SimCopy {
  container: string;
  engine: string;
  specDigest: string;
  state: Exclude<CopyState, "absent" | "frozen" | "warm">;
  mac: string;
  /** Files on the host: why it is to be frozen. */
  reasons: Set<string>;
  /** What was written to its `cgroup.freeze` last. */
  frozen: boolean;
  /** CRIU keeps its processes in a ptrace stop, but for the parasite that it lets run in them. */
  traced: boolean;
  life: number;
  /** The counter at `since`. */
  counter: number;
  since: number;
  /** What it was restored from; null: a cold start. */
  origin: Origin | null;
  detail: string | null;
}

/** A generation as it was read when it was restored. */
export interface Origin {
  folder: string;
  /** Hash of the manifest of what lay there. */
  sha256: string | null;
  /** A byte was not what the manifest says. */
  altered: boolean;
}

/** All copies on one host. */
export interface SimEngine {
  copies: Map<string, SimCopy>;
  /** Copies that somebody has removed, which nobody was told yet. */
  lost: Set<string>;
  /** Somebody removes what does not run, as `system prune` does. */
  prune(): void;
  create(spec: ContainerSpec, mac: string, state: SimCopy["state"]): SimCopy;
  stateOf(container: string): CopyState;
  memoryOf(copy: SimCopy): Memory;
  /** Begins to execute. */
  run(copy: SimCopy, memory: Memory): void;
  /** Writes its `cgroup.freeze`. */
  write(copy: SimCopy, frozen: boolean): void;
  /** CRIU attaches to it, or lets it go. */
  trace(copy: SimCopy, traced: boolean): void;
  end(copy: SimCopy, detail: string): void;
  /** Whether it executes: it runs, is not frozen, and CRIU does not stop it. */
  executes(container: string): boolean;
  /** Whether it executes and has the MAC that owns its virtual IPs. */
  couldAnswer(container: string): SimCopy | null;
}

export interface EngineOptions {
  group: string;
  /** True ms. */
  now(): number;
  changed(): void;
}

export function createEngine({ group, now, changed }: EngineOptions): SimEngine {
  const copies = new Map<string, SimCopy>();
  const executes = (copy: SimCopy) => copy.state === "running" && !copy.frozen && !copy.traced;
  const memoryOf = (copy: SimCopy): Memory => ({
    life: copy.life,
    counter: copy.counter + (executes(copy) ? now() - copy.since : 0),
  });
  const change = (copy: SimCopy, effect: () => void) => {
    copy.counter = memoryOf(copy).counter;
    copy.since = now();
    effect();
    changed();
  };
  const lost = new Set<string>();
  return {
    copies,
    lost,
    prune() {
      for (const copy of [...copies.values()]) {
        if (copy.state !== "prepared" && copy.state !== "exited") continue;
        copies.delete(copy.container);
        lost.add(copy.container);
      }
    },
    create(spec, mac, state) {
      lost.delete(spec.name);
      const copy: SimCopy = {
        container: spec.name,
        engine: spec.workload.engine,
        specDigest: specDigest(spec),
        state,
        mac,
        reasons: new Set(),
        frozen: false,
        traced: false,
        life: 0,
        counter: 0,
        since: now(),
        origin: null,
        detail: null,
      };
      copies.set(spec.name, copy);
      return copy;
    },
    stateOf(container) {
      const copy = copies.get(container);
      if (!copy) return "absent";
      if (copy.state !== "running") return copy.state;
      if (copy.frozen) return copy.reasons.has("warm") ? "warm" : "frozen";
      return copy.traced ? "traced" : "running";
    },
    memoryOf,
    run: (copy, memory) =>
      change(copy, () => {
        copy.state = "running";
        copy.life = memory.life;
        copy.counter = memory.counter;
      }),
    write: (copy, frozen) =>
      change(copy, () => {
        copy.frozen = frozen;
      }),
    trace: (copy, traced) =>
      change(copy, () => {
        copy.traced = traced;
      }),
    end: (copy, detail) =>
      change(copy, () => {
        copy.state = "exited";
        copy.detail = detail;
        copy.reasons.clear();
        copy.frozen = false;
        copy.traced = false;
      }),
    executes(container) {
      const copy = copies.get(container);
      return copy !== undefined && executes(copy);
    },
    couldAnswer(container) {
      const copy = copies.get(container);
      return copy && executes(copy) && copy.mac === realMac(group, container) ? copy : null;
    },
  };
}
