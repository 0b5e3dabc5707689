import { createHash } from "node:crypto";

/** Everything a lab creates on the machine carries its key, so that labs side by side never collide. */
export interface LabNames {
  /** Six hex digits derived from the lab's id. */
  key: string;
  /** Directory below the root of cgroup v2; each host has a child of its own. */
  cgroup: string;
  /** Network namespace that holds the bridge. */
  switchNetns: string;
  /** The machine's end of its link to the bridge. */
  machineLink: string;
  netnsOf(host: string): string;
}

export function labNames(id: string): LabNames {
  const key = createHash("sha256").update(id).digest("hex").slice(0, 6);
  return {
    key,
    cgroup: `container-ha-${key}`,
    switchNetns: `cha-${key}-switch`,
    machineLink: `cha${key}`,
    netnsOf: (host) => `cha-${key}-${host}`,
  };
}

/** The lab's id: CONTAINER_HA_LAB, else derived from the checkout, so that each clone has a lab of its own. */
export function labId(options: { fromEnvironment: string | undefined; checkout: string }): string {
  if (options.fromEnvironment !== undefined && options.fromEnvironment !== "") {
    if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(options.fromEnvironment)) {
      throw new Error(
        `CONTAINER_HA_LAB: expected up to 31 lower-case letters, digits and dashes, got "${options.fromEnvironment}"`,
      );
    }
    return options.fromEnvironment;
  }
  return `clone-${createHash("sha256").update(options.checkout).digest("hex").slice(0, 8)}`;
}

/** Names of the first `count` hosts: ha1, ha2 ... */
export function defaultHostNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `ha${index + 1}`);
}

/** A host's name is also the name of its port on the bridge, which the kernel limits to 15 characters. */
export function checkHostName(name: string): void {
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(name) || ["switch", "machine", "br0", "lo"].includes(name)) {
    throw new Error(
      `host name "${name}": expected 1 to 15 lower-case letters, digits and dashes, and none of switch, machine, br0, lo`,
    );
  }
}

/** MAC of a host's eth0, the same at every start of the host. */
export function hostMac(key: string, index: number): string {
  return [
    "02",
    "ca",
    key.slice(0, 2),
    key.slice(2, 4),
    key.slice(4, 6),
    index.toString(16).padStart(2, "0"),
  ].join(":");
}
