import type { Clock, HostPort, Log, Store } from "../env";

/** Everything the lease process touches outside its own code. */
export interface LeaseEnv {
  clock: Clock;
  store: Pick<Store, "txn" | "read">;
  kernel: KernelGate;
  host: Pick<HostPort, "bootId" | "readSession">;
  log: Log;
}

/** The two kernel sets with timers: one is active, the other is armed before each renewal (safety.md 1.2). */
export type Slot = "a" | "b";

export interface GateConfig {
  /** Every MAC that never passes unless it is open. */
  protected: string[];
  /** Those of them that are on this host. */
  here: string[];
  /** MACs that pass a closed gate: the shim of the agent's probes. */
  probe: string[];
}

/**
 * The gate in the kernel. Commands take effect in the order of the calls, and resolve when the kernel has them.
 * A rejection means that it is not known whether the command took effect.
 */
export interface KernelGate {
  /** Put the gate there if it is missing, renew its rules, keep its sets and what is open. Once, before all else. */
  ensure(): Promise<void>;
  /** Make it anew: closed, with the last configuration. */
  rebuild(): Promise<void>;
  /** Start the timers of these MACs in a set, again if they run already. Opens nothing. */
  arm(slot: Slot, macs: readonly string[], leaseMs: number): Promise<void>;
  /** From now on exactly these MACs are open, each while its timer in the set runs. */
  flip(slot: Slot, macs: readonly string[]): Promise<void>;
  close(macs: readonly string[]): Promise<void>;
  closeAll(): Promise<void>;
  configure(config: GateConfig): Promise<void>;
  /** Null while the gate is what it should be, else what is wrong with it. Rejects when it could not be looked at. */
  verify(): Promise<string | null>;
}
