import type { Clock } from "../../../provider/agent/env";
import type { KernelGate, Slot } from "../../../provider/agent/lease/env";

export interface FakeKernel extends KernelGate {
  /** What really passes now: the entry is there and the timer runs. */
  open(): string[];
  timers: Record<Slot, Map<string, number>>;
  /** Reported by the next `verify`. */
  fault: string | null;
  /** Errors of the next commands whose line starts with the key. */
  failing: Set<string>;
  rebuildable: boolean;
  /** Commands wait, in order, until `release`. */
  hold(): void;
  release(): void;
}

/** A gate with timers on a clock of its own making: it closes by itself, like the kernel's. */
export function createFakeKernel(clock: Pick<Clock, "now">, trace: (line: string) => void): FakeKernel {
  const timers: FakeKernel["timers"] = { a: new Map(), b: new Map() };
  let entries = new Map<string, Slot>();
  let waiting: (() => void)[] | null = null;

  const command = async (line: string, effect: () => void): Promise<void> => {
    if (waiting) await new Promise<void>((go) => waiting!.push(go));
    trace(line);
    for (const prefix of kernel.failing) {
      if (!line.startsWith(prefix)) continue;
      kernel.failing.delete(prefix);
      throw new Error(`nft died at ${line}`);
    }
    effect();
  };
  const closed = () => {
    entries = new Map();
  };

  const kernel: FakeKernel = {
    timers,
    fault: null,
    failing: new Set(),
    rebuildable: true,
    open: () =>
      [...entries].filter(([mac, slot]) => (timers[slot].get(mac) ?? 0) > clock.now()).map(([mac]) => mac),
    hold: () => {
      waiting = [];
    },
    release: () => {
      const go = waiting ?? [];
      waiting = null;
      for (const one of go) one();
    },
    ensure: () => command("ensure", () => {}),
    rebuild: () =>
      command("rebuild", () => {
        if (!kernel.rebuildable) throw new Error("no such interface");
        kernel.fault = null;
        closed();
      }),
    arm: async (slot, macs, leaseMs) => {
      if (macs.length === 0) return;
      await command(`arm ${slot} ${leaseMs} ${macs.join(" ")}`, () => {
        for (const mac of macs) timers[slot].set(mac, clock.now() + leaseMs);
      });
    },
    flip: (slot, macs) =>
      command(`flip ${slot} ${macs.join(" ")}`.trim(), () => {
        entries = new Map(macs.map((mac) => [mac, slot]));
      }),
    close: (macs) =>
      command(`close ${macs.join(" ")}`, () => {
        for (const mac of macs) entries.delete(mac);
      }),
    closeAll: () => command("close all", closed),
    configure: () => command("configure", () => {}),
    verify: async () => {
      if (kernel.failing.delete("verify")) throw new Error("nft did not answer");
      return kernel.fault;
    },
  };
  return kernel;
}
