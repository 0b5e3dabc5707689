import { isIPv4 } from "node:net";
import { localShim, probeShim } from "../../../../contract";

/**
 * The probe shim's address, link-local and the same on every host: it never appears on the wire, since both ends know
 * each other's MAC by a permanent entry.
 */
export const probeAddress = "169.254.77.1";
/** Number of the probe's routing table and priority of the rule that leads to it. */
export const probeTable = 7077;

export interface HostNetwork {
  /** Parent of every macvlan. */
  parent: string;
  subnet: string;
  gateway?: string;
  /** The host's own address in the subnet: what its local clients come from. */
  address: string;
  probeMac: string;
  localMac: string;
}

/** Lines for `ip -batch`. */
export const ip = {
  createShim: ({ parent, shim, mac }: { parent: string; shim: string; mac: string }) => [
    `link add link ${parent} name ${shim} address ${mac} type macvlan mode bridge`,
  ],
  deleteLink: (name: string) => [`link delete ${name}`],
  /** After the kernel settings of the shims, which come with the links. */
  raiseShims: ({ subnet }: HostNetwork) => [
    `address replace ${probeAddress}/32 dev ${probeShim}`,
    `link set ${probeShim} up`,
    `link set ${localShim} up`,
    `route replace ${subnet} dev ${probeShim} src ${probeAddress} table ${probeTable}`,
  ],
  addProbeRule: () => [`rule add from ${probeAddress} lookup ${probeTable} priority ${probeTable}`],

  /**
   * Inside the container's namespace, after each birth of it and each change of its MAC (which flushes neighbours):
   * its MAC and further addresses, and its neighbours on this host. ARP for them would be answered by every host.
   */
  wire: ({
    network,
    mac,
    virtualIps,
  }: {
    network: HostNetwork;
    mac: string | null;
    virtualIps: readonly string[];
  }) => [
    ...(mac ? [`link set dev eth0 address ${mac}`] : []),
    ...virtualIps
      .slice(1)
      .map((address) => `address replace ${address}/${prefixOf(network.subnet)} dev eth0`),
    `route replace ${probeAddress}/32 dev eth0`,
    `neighbour replace ${probeAddress} lladdr ${network.probeMac} dev eth0 nud permanent`,
    `neighbour replace ${network.address} lladdr ${network.localMac} dev eth0 nud permanent`,
  ],
  /** On the host: the probe reaches the copy that is here, whoever else has the address on the wire. */
  wireProbe: ({ mac, virtualIps }: { mac: string; virtualIps: readonly string[] }) =>
    served(virtualIps).map(
      (address) => `neighbour replace ${address} lladdr ${mac} dev ${probeShim} nud permanent`,
    ),

  /** The host's own clients reach the container through the local shim, only while it runs here. */
  routeLocally: ({
    network,
    mac,
    virtualIps,
  }: {
    network: HostNetwork;
    mac: string;
    virtualIps: readonly string[];
  }) =>
    served(virtualIps).flatMap((address) => [
      `neighbour replace ${address} lladdr ${mac} dev ${localShim} nud permanent`,
      `route replace ${address}/32 dev ${localShim} src ${network.address}`,
    ]),
  /** One line a batch: what is gone already fails, and that is as good. */
  unroute: (virtualIps: readonly string[]) =>
    served(virtualIps).flatMap((address) => [
      `route delete ${address}/32 dev ${localShim}`,
      `neighbour delete ${address} dev ${localShim}`,
      `neighbour delete ${address} dev ${probeShim}`,
    ]),
};

/** Asks `ip -batch` for the host's own part; each line is answered by one JSON list in a line of its own. */
export const showHost = ["ip", "-json", "-details", "-batch", "-"];
export const hostQuestions = [
  `rule show priority ${probeTable}`,
  "address show type macvlan",
  "neighbour show nud permanent",
  // Of all tables only what was added by hand, as ours is: the kernel's own and a routing daemon's may be many.
  "route show table all proto boot",
];

/**
 * The host's card takes what is sent to this MAC while no device here has it, which is between the end of a container
 * and its next life; otherwise the gate would not see who asks for a connection then. A device that gets the MAC and
 * loses it again leaves that as it is.
 */
export const acceptMac = ({ parent, mac }: { parent: string; mac: string }) =>
  `bridge fdb replace ${mac} dev ${parent} self permanent`.split(" ");
export const refuseMac = ({ parent, mac }: { parent: string; mac: string }) =>
  `bridge fdb delete ${mac} dev ${parent} self`.split(" ");

export const showLink = (name: string) => ["ip", "-json", "-details", "link", "show", "dev", name];
export const showAddresses = (name: string) => ["ip", "-json", "address", "show", "dev", name];
export const showProbeRule = ["ip", "-json", "rule", "show", "priority", String(probeTable)];

/** Kernel settings of both shims: only the addresses that they have are theirs, on any path, and no IPv6 of their own. */
export const shimSettings: [string, string][] = [
  ["ipv4/conf/%/arp_ignore", "1"],
  ["ipv4/conf/%/arp_announce", "2"],
  ["ipv4/conf/%/rp_filter", "2"],
  ["ipv6/conf/%/disable_ipv6", "1"],
];

/** The shims speak IPv4 only. */
function served(virtualIps: readonly string[]): string[] {
  return virtualIps.filter((address) => isIPv4(address));
}

function prefixOf(subnet: string): string {
  return subnet.split("/")[1]!;
}
