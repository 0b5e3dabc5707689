import { isIPv4 } from "node:net";
import { z } from "zod";
import { localShim, probeShim } from "../../../contract";
import { type HostNetwork, probeAddress, probeTable } from "./commands/ip";

const lists = z.tuple([
  z.array(z.object({ src: z.string().optional(), table: z.string().optional() })),
  z.array(
    z.object({
      ifname: z.string(),
      link: z.string().optional(),
      address: z.string().optional(),
      flags: z.array(z.string()).default([]),
      operstate: z.string().optional(),
      addr_info: z.array(z.object({ local: z.string().optional() })).default([]),
    }),
  ),
  z.array(z.object({ dst: z.string(), dev: z.string(), lladdr: z.string().optional() })),
  z.array(z.object({ dst: z.string(), dev: z.string().optional(), table: z.string().optional() })),
]);

/** What the kernel says of the host's own part, and of what is inside each copy that is wired. */
export interface HostSeen {
  ip: z.infer<typeof lists>;
  /** Settings of the shims that have another value. */
  settings: string[];
  copies: CopySeen[];
}

export interface CopySeen {
  container: string;
  virtualIps: readonly string[];
  /** The MAC that its wiring gave it. */
  mac: string;
  /** The host's own clients reach it. */
  announced: boolean;
  /** What its own network namespace holds, as files of /proc and /sys tell; null: there is no process to look by. */
  inside: { arp: string; routes: string; mac: string | null } | null;
}

/** Something that was made and is not as it was made. */
export interface Lack {
  what: string;
  /** Null: it concerns every container of this host. */
  container: string | null;
  /** False: it is not this agent's to make. */
  mendable: boolean;
}

/** Reads the answers to `hostQuestions`. */
export function parseHostAnswers(text: string): HostSeen["ip"] {
  const answers = text.split("\n").filter((line) => line.trim() !== "");
  return lists.parse(answers.map((line) => JSON.parse(line)));
}

/** What of the host's own part is not as `ensureHost`, `announce` and the wiring of copies made it. */
export function lacksOf(network: HostNetwork, { ip, settings, copies }: HostSeen): Lack[] {
  const [rules, links, neighbours, routes] = ip;
  const lacks: Lack[] = [];
  const lack = (what: string, container: string | null = null, mendable = true) =>
    void lacks.push({ what, container, mendable });
  const hasNeighbour = (shim: string, address: string, mac: string) =>
    neighbours.some(({ dst, dev, lladdr }) => dst === address && dev === shim && lladdr === mac);

  for (const [shim, mac] of [
    [probeShim, network.probeMac],
    [localShim, network.localMac],
  ] as const) {
    const link = links.find(({ ifname }) => ifname === shim);
    if (link?.link !== network.parent || link.address !== mac) lack(`the shim ${shim}`);
    else if (!link.flags.includes("UP")) lack(`the shim ${shim} (it was set down)`);
    else if (link.operstate === "LOWERLAYERDOWN")
      lack(`the link of ${network.parent}, on which ${shim} lies,`, null, false);
  }
  const addresses = links.find(({ ifname }) => ifname === probeShim)?.addr_info ?? [];
  if (!addresses.some(({ local }) => local === probeAddress))
    lack(`the address ${probeAddress} of ${probeShim}`);
  if (!rules.some(({ src, table }) => src === probeAddress && table === String(probeTable)))
    lack(`the routing rule ${probeTable}`);
  if (!routes.some(({ dev, table }) => dev === probeShim && table === String(probeTable)))
    lack(`the route in table ${probeTable}`);
  for (const setting of settings) lack(`the setting ${setting}`);

  for (const { container, virtualIps, mac, announced, inside } of copies) {
    for (const address of virtualIps.filter((one) => isIPv4(one))) {
      if (!hasNeighbour(probeShim, address, mac)) lack(`the entry of ${address} on ${probeShim}`, container);
      if (!announced) continue;
      const routed = routes.some(({ dst, dev }) => dst === address && dev === localShim);
      if (!routed || !hasNeighbour(localShim, address, mac))
        lack(`the way of the host's own clients to ${address}`, container);
    }
    if (inside && !isWiredInside(network, { mac, inside }))
      lack(`the MAC or the neighbours inside ${container}`, container);
  }
  return lacks;
}

function isWiredInside(
  network: HostNetwork,
  { mac, inside }: { mac: string; inside: NonNullable<CopySeen["inside"]> },
): boolean {
  const knows = (address: string, lladdr: string) =>
    inside.arp.split("\n").some((line) => {
      const [ip, , flags, hardware] = line.trim().split(/\s+/);
      return ip === address && hardware === lladdr && (Number(flags) & PERMANENT) !== 0;
    });
  const routed = inside.routes.split("\n").some((line) => line.split("\t")[1] === hexOf(probeAddress));
  return (
    routed &&
    (inside.mac === null || inside.mac === mac) &&
    knows(probeAddress, network.probeMac) &&
    knows(network.address, network.localMac)
  );
}

/** ATF_PERM of linux/if_arp.h. */
const PERMANENT = 4;

/** As /proc/net/route writes an address: four bytes, the last one first. */
function hexOf(address: string): string {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return bytes.reverse().join("").toUpperCase();
}
