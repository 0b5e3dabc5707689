import { gateSyns, gateTable } from "../../contract";
import type { GateConfig, Slot } from "./env";

/**
 * The nft commands of the gate, as pure functions. Each returns commands that belong into one batch: the kernel
 * applies all of them or none. What the rules do and why: a MAC in `prot` passes only through its entry in `gin` and
 * `gout`, which jumps to a chain that looks into one of the two timed sets. Frames between siblings of one parent pass
 * its ingress hook only, so both directions are checked there, in two base chains, since an accept ends only its own.
 *
 * Who asks a closed container for a connection is noted in `syns`, so that it can be told as soon as the gate is open.
 * safety: noting is all. A host that is not the owner, or is the owner of something that is not yet restored, answers
 * nothing at all: a reset of a host that was taken over from would end connections to the new owner. So a note needs no
 * lease, and a standby takes notes before the fence, of what the network floods to it while the owner is dead.
 */
const table = `netdev ${gateTable}`;

/** Text of the rules file that is loaded at boot, before the network: closed, nothing on this host yet. */
export function gateRules(o: { interface: string; owned?: boolean }): string {
  return `${createCommands(o).join("\n")}\n`;
}

/**
 * Creates what is missing and renews the rules; the contents of sets and maps stay. Can be repeated. `owned`: nobody
 * but the nft that ran this may change the table until that ends (kernel 6.12, nft 1.1.3; safety.md 2.4).
 */
export function createCommands(o: { interface: string; owned?: boolean }): string[] {
  const device = checkedInterface(o.interface);
  const base = (hook: string, priority: number) =>
    `{ type filter hook ${hook} device "${device}" priority ${priority}; policy accept; }`;
  const chains = Object.keys(RULES);
  return [
    ...(o.owned ? ownCommands() : [`add table ${table}`]),
    ...["prot", "here", "probe"].map((set) => `add set ${table} ${set} { type ether_addr; }`),
    ...["ta", "tb"].map((set) => `add set ${table} ${set} { type ether_addr; flags timeout; }`),
    `add set ${table} ${gateSyns} { type ${SYN}; size ${MOST_SYNS}; flags dynamic,timeout; timeout ${SYN_MS}ms; }`,
    ...["gin", "gout"].map((map) => `add map ${table} ${map} { type ether_addr : verdict; }`),
    ...INNER_CHAINS.map((chain) => `add chain ${table} ${chain}`),
    `add chain ${table} ingress_to ${base("ingress", -400)}`,
    `add chain ${table} ingress_from ${base("ingress", -399)}`,
    `add chain ${table} egress ${base("egress", -400)}`,
    ...chains.map((chain) => `flush chain ${table} ${chain}`),
    ...chains.flatMap((chain) => RULES[chain]!.map((rule) => `add rule ${table} ${chain} ${rule}`)),
  ];
}

/** Container and client, each address and port. */
const SYN = "ipv4_addr . inet_service . ipv4_addr . inet_service";
/** A client that hears nothing asks again by itself after 1 s; being told later makes it no faster. */
const SYN_MS = 2000;
/** A flood fills the set; what finds no room in it is dropped as all else. */
const MOST_SYNS = 1024;

const INNER_CHAINS = ["note", "ina", "inb", "outa", "outb", "tocontainer", "fromcontainer"];

const RULES: Record<string, string[]> = {
  note: [`tcp flags & (syn | ack) == syn add @${gateSyns} { ip daddr . tcp dport . ip saddr . tcp sport }`],
  ina: ["ether daddr @ta accept", "jump note", "drop"],
  inb: ["ether daddr @tb accept", "jump note", "drop"],
  outa: ["ether saddr @ta accept", "drop"],
  outb: ["ether saddr @tb accept", "drop"],
  tocontainer: ["ether saddr @probe accept", "ether daddr vmap @gin", "jump note", "drop"],
  fromcontainer: ["ether daddr @probe accept", "ether saddr vmap @gout", "drop"],
  ingress_to: ["ether daddr @prot jump tocontainer"],
  ingress_from: ["ether saddr @here jump fromcontainer"],
  // What this host's own clients and containers ask one that has ended leaves by the wire, and comes back by none.
  egress: ["ether daddr @prot jump note", "ether saddr @prot jump fromcontainer"],
};

/** Takes a table of ours whose owner has ended; makes it where it is missing. */
export function ownCommands(): string[] {
  return [`add table ${table} { flags owner, persist; }`];
}

/** Removes the table with all it holds, whether it is there or not; `owned` has to be what that table is. */
export function dropCommands(o: { owned?: boolean } = {}): string[] {
  return [...(o.owned ? ownCommands() : [`add table ${table}`]), `delete table ${table}`];
}

export function configureCommands(config: GateConfig): string[] {
  return [
    ...replaceSet("prot", config.protected),
    ...replaceSet("here", config.here),
    ...replaceSet("probe", config.probe),
  ];
}

function replaceSet(set: string, macs: readonly string[]): string[] {
  const flush = `flush set ${table} ${set}`;
  return macs.length === 0 ? [flush] : [flush, `add element ${table} ${set} { ${list(macs)} }`];
}

/** Kernels before 6.12 may read a timeout below one jiffy as none (safety.md 2.2). */
const LEAST_TIMEOUT_MS = 50;

/** `add; delete; add`: the only refresh that works on every kernel (safety.md 2.1). */
export function armCommands(slot: Slot, macs: readonly string[], leaseMs: number): string[] {
  if (!Number.isInteger(leaseMs) || leaseMs < LEAST_TIMEOUT_MS) {
    throw new Error(
      `expected a lease of whole milliseconds, at least ${LEAST_TIMEOUT_MS}, to arm, got ${leaseMs}`,
    );
  }
  if (macs.length === 0) return [];
  const timed = macs.map((mac) => `${checkedMac(mac)} timeout ${leaseMs}ms`).join(", ");
  const add = `add element ${table} t${slot} { ${timed} }`;
  return [add, `delete element ${table} t${slot} { ${list(macs)} }`, add];
}

/** Replaces the whole map, so that what is not named is closed. */
export function flipCommands(slot: Slot, macs: readonly string[]): string[] {
  if (macs.length === 0) return closeAllCommands();
  const entries = (chain: string) =>
    macs.map((mac) => `${checkedMac(mac)} : jump ${chain}${slot}`).join(", ");
  return [
    ...closeAllCommands(),
    `add element ${table} gin { ${entries("in")} }`,
    `add element ${table} gout { ${entries("out")} }`,
  ];
}

export function closeAllCommands(): string[] {
  return [`flush map ${table} gin`, `flush map ${table} gout`];
}

export function listCommand(): string {
  return `list table ${table}`;
}

function list(macs: readonly string[]): string {
  return macs.map(checkedMac).join(", ");
}

function checkedMac(mac: string): string {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) {
    throw new Error(`expected a MAC such as 02:00:00:00:00:01 for the gate, got ${JSON.stringify(mac)}`);
  }
  return mac;
}

function checkedInterface(name: string): string {
  if (!/^[A-Za-z0-9._-]{1,15}$/.test(name)) {
    throw new Error(`expected the name of a network interface for the gate, got ${JSON.stringify(name)}`);
  }
  return name;
}
