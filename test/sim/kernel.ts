import type { GateConfig, KernelGate, Slot } from "../../provider/agent/lease/env";
import type { SimProcess } from "./process";
import type { Random } from "./random";

/** The gate's table in the kernel of one host: timers go on whatever becomes of the processes. */
export interface SimKernel {
  /** Whether frames of this MAC pass now. */
  passes(mac: string): boolean;
  isProtected(mac: string): boolean;
  isHere(mac: string): boolean;
  /** Somebody deletes the table: everything passes. */
  flush(): void;
  /** No command has an effect any more. */
  broken: boolean;
  /** The commands of one lease process. */
  commandsOf(process: SimProcess): KernelGate;
}

export interface KernelOptions {
  /** True ms. */
  now(): number;
  /** How fast the host's clock runs, and its timers with it. */
  rate: number;
  random: Random;
  /** Something may pass now that did not before. */
  changed(): void;
}

/** A timer closes at most a jiffy and a packet in flight too late (safety.md 1.2). */
const LATEST_CLOSE_MS = 7.5;
const COMMAND_MS = 1;

export function createKernel({ now, rate, random, changed }: KernelOptions): SimKernel {
  let exists = true;
  let config: GateConfig = { protected: [], here: [], probe: [] };
  const timers: Record<Slot, Map<string, number>> = { a: new Map(), b: new Map() };
  let open = new Map<string, Slot>();

  /** The real commands flush what is open; the timers run out by themselves. */
  const closeAll = () => {
    open = new Map();
  };
  const clear = () => {
    closeAll();
    timers.a.clear();
    timers.b.clear();
  };
  const kernel: SimKernel = {
    broken: false,
    passes(mac) {
      if (!exists || !config.protected.includes(mac)) return true;
      const slot = open.get(mac);
      return slot !== undefined && (timers[slot].get(mac) ?? 0) > now();
    },
    isProtected: (mac) => config.protected.includes(mac),
    isHere: (mac) => config.here.includes(mac),
    flush() {
      exists = false;
      clear();
      changed();
    },
    commandsOf(process) {
      let last: Promise<unknown> = Promise.resolve();
      const one = async (effect: () => void) => {
        await process.wait(random.between(0, COMMAND_MS));
        if (kernel.broken) throw new Error("nft: Operation not permitted");
        effect();
        changed();
        await process.wait(random.between(0, COMMAND_MS));
      };
      /** Commands take effect in the order of the calls. */
      const command = (effect: () => void): Promise<void> => {
        const done = last.then(() => one(effect));
        last = done.catch(() => {});
        return done;
      };
      return {
        ensure: () =>
          command(() => {
            exists = true;
          }),
        rebuild: () =>
          command(() => {
            exists = true;
            clear();
          }),
        arm: (slot, macs, leaseMs) =>
          command(() => {
            for (const mac of macs)
              timers[slot].set(mac, now() + leaseMs / rate + random.between(0, LATEST_CLOSE_MS));
          }),
        flip: (slot, macs) =>
          command(() => {
            open = new Map(macs.map((mac) => [mac, slot]));
          }),
        close: (macs) =>
          command(() => {
            for (const mac of macs) open.delete(mac);
          }),
        closeAll: () => command(closeAll),
        configure: (next) =>
          command(() => {
            config = next;
          }),
        verify: async () => {
          await process.wait(COMMAND_MS);
          return exists ? null : "the table is gone";
        },
      };
    },
  };
  return kernel;
}
