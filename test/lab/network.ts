import { hostMac, type LabNames } from "./names";
import { run, tryRun } from "./run";
import { hostAddress, machineAddress, type Subnet } from "./subnet";

/** A cut between two ports of the bridge: frames that enter at `from` and leave at `to` are lost. `*` is any port. */
export interface Cut {
  from: string;
  to: string;
}

/** Port of the machine itself on the bridge. */
export const machinePort = "machine";

/** The bridge has a namespace of its own: no firewall of the machine sees its frames, and one delete removes it all. */
export async function createSwitch(names: LabNames, subnet: Subnet): Promise<void> {
  await ipBatch([], switchOnMachine(names, subnet));
  await ipBatch(["-n", names.switchNetns], switchInside());
}

/** Creates the network namespace of a host, its eth0, and the port on the bridge that carries the host's name. */
export async function plugHost(
  names: LabNames,
  subnet: Subnet,
  host: { name: string; index: number },
): Promise<void> {
  const netns = names.netnsOf(host.name);
  await run(["ip", "netns", "add", netns]);
  await ipBatch(["-n", names.switchNetns], hostPort(host.name, netns));
  await ipBatch(["-n", netns], hostInterface(names, subnet, host.index));
}

/** The network's view of a power cut: the carrier goes at once and nothing more leaves the host. */
export async function cutCarrier(names: LabNames, host: string): Promise<void> {
  await run(["ip", "-n", names.switchNetns, "link", "set", host, "down"]);
}

export async function unplugHost(names: LabNames, host: string): Promise<void> {
  await tryRun(["ip", "-n", names.switchNetns, "link", "del", host]);
  await run(["ip", "netns", "del", names.netnsOf(host)]);
}

/** Makes `cuts` the only cuts of the bridge, in one transaction. */
export async function applyCuts(names: LabNames, cuts: Cut[]): Promise<void> {
  await run(["ip", "netns", "exec", names.switchNetns, "nft", "-f", "-"], { input: cutRules(cuts) });
}

/** Destinations of all routes of the machine, to choose a subnet beside them. */
export async function machineRoutes(): Promise<string[]> {
  const output = await run(["ip", "-4", "route", "show", "table", "all"]);
  return output.split("\n").flatMap((line) => line.match(/\b\d+\.\d+\.\d+\.\d+(?:\/\d+)?/)?.[0] ?? []);
}

export function switchOnMachine(names: LabNames, subnet: Subnet): string[] {
  return [
    `netns add ${names.switchNetns}`,
    `link add ${names.machineLink} type veth peer name ${machinePort} netns ${names.switchNetns}`,
    `addr add ${machineAddress(subnet)}/24 dev ${names.machineLink}`,
    `link set ${names.machineLink} up`,
  ];
}

export function switchInside(): string[] {
  return [
    "link set lo up",
    "link add br0 type bridge forward_delay 0 mcast_snooping 0",
    "link set br0 up",
    `link set ${machinePort} master br0 up`,
  ];
}

export function hostPort(name: string, netns: string): string[] {
  return [`link add ${name} type veth peer name eth0 netns ${netns}`, `link set ${name} master br0 up`];
}

export function hostInterface(names: LabNames, subnet: Subnet, index: number): string[] {
  return [
    "link set lo up",
    `link set eth0 address ${hostMac(names.key, index)}`,
    `addr add ${hostAddress(subnet, index)}/24 dev eth0`,
    "link set eth0 up",
    `route add default via ${machineAddress(subnet)}`,
  ];
}

export function cutRules(cuts: Cut[]): string {
  const rules = cuts.map((cut) => {
    const matches = [
      cut.from === "*" ? "" : `iifname "${cut.from}" `,
      cut.to === "*" ? "" : `oifname "${cut.to}" `,
    ];
    return `    ${matches.join("")}drop\n`;
  });
  return [
    "table bridge lab\ndelete table bridge lab\n",
    "table bridge lab {\n  chain forward {\n    type filter hook forward priority 0; policy accept;\n",
    ...rules,
    "  }\n}\n",
  ].join("");
}

async function ipBatch(args: string[], lines: string[]): Promise<void> {
  await run(["ip", ...args, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
