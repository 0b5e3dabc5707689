import { isIPv4 } from "node:net";
import { z } from "zod";
import { parse } from "../contract";
import { dockerFactsIn, dockerFactsSchema } from "./docker";

const version = z.string().nullable();

/** What a host is and has, as far as the product depends on it. Versions: null where the tool is missing. */
export const factsSchema = z.object({
  os: z.object({ id: z.string(), version: z.string(), name: z.string() }),
  /** `x86_64`, `aarch64`. */
  arch: z.string(),
  kernel: z.string(),
  machineId: z.string(),
  /** Name of process 1. */
  init: z.string(),
  cpu: z.object({ model: z.string(), flags: z.array(z.string()) }),
  memoryMb: z.number(),
  /** The file system that holds checkpoints. */
  diskMb: z.number(),
  freeDiskMb: z.number(),
  criu: z.object({ version: z.string(), works: z.boolean(), problems: z.string() }).nullable(),
  runc: version,
  podman: version,
  docker: version,
  nft: version,
  etcd: version,
  etcdctl: version,
  systemd: version,
  /** Docker's daemon; null: it was not asked, or does not answer. */
  dockerDaemon: dockerFactsSchema.nullable(),
  /** Other programs that are there. */
  tools: z.array(z.string()),
  clock: z.object({
    discipline: z.enum(["none", "timesyncd", "ntpd", "chrony", "unknown"]),
    /** chrony's maxslewrate, where it is set. */
    maxSlewPpm: z.number().nullable(),
  }),
  /** Interfaces that are up, with their IPv4 and IPv6 addresses as `address/prefix`. */
  interfaces: z.array(z.object({ name: z.string(), addresses: z.array(z.string()) })),
  /** cgroup v2 controllers; empty where the unified hierarchy is not mounted. */
  cgroupControllers: z.array(z.string()),
  unifiedCgroups: z.boolean(),
  /** criu packages that apt could install: version and suite. Null: no apt. */
  criuPackages: z.array(z.object({ version: z.string(), suite: z.string() })).nullable(),
  root: z.boolean(),
});
export type Facts = z.infer<typeof factsSchema>;

/** Reads the output of PREFLIGHT_SCRIPT. */
export function parseFacts(output: string, host: string): Facts {
  const lines = output.split("\n").map((line) => line.split("\t"));
  const all = (name: string) => lines.filter(([key]) => key === name).map(([, value = ""]) => value.trim());
  const one = (name: string) => all(name)[0] ?? null;
  const [diskMb, freeDiskMb] = (one("diskMb") ?? "").split(" ").map(Number);
  const facts = {
    os: { id: one("os.id"), version: one("os.version"), name: one("os.name") },
    arch: one("arch"),
    kernel: one("kernel"),
    machineId: one("machineId"),
    init: one("init"),
    cpu: { model: one("cpu.model") ?? "", flags: words(one("cpu.flags")) },
    memoryMb: Math.round(Number(one("memoryKb")) / 1024),
    diskMb,
    freeDiskMb,
    criu: criuOf({ text: one("criu"), check: one("criu.check"), problems: one("criu.problems") }),
    ...Object.fromEntries(VERSIONED.map((tool) => [tool, versionIn(one(tool))])),
    dockerDaemon: dockerFactsIn(one("docker.info")),
    tools: TOOLS.filter((tool) => one(tool) !== null),
    ...parseNetworkFacts({
      interfaces: one("interfaces"),
      clocks: all("clock"),
      maxSlew: one("chrony.maxslewrate"),
    }),
    cgroupControllers: words(one("cgroup.controllers")),
    unifiedCgroups: one("cgroup") === "cgroup2fs",
    criuPackages: packagesIn(one("apt")),
    root: one("uid") === "0",
  };
  return parse(factsSchema, facts, `what ${host} tells about itself`);
}

/** The part of the facts that a group's policy depends on. */
export type NetworkFacts = Pick<Facts, "interfaces" | "clock">;

/** `interfaces`: output of `ip -j addr`; `clocks`: units of clock daemons that run; `maxSlew`: of chrony. */
export function parseNetworkFacts(o: {
  interfaces: string | null;
  clocks: string[];
  maxSlew: string | null;
}): NetworkFacts {
  return {
    clock: { discipline: disciplineOf(o.clocks), maxSlewPpm: numberIn(o.maxSlew) },
    interfaces: interfacesIn(o.interfaces),
  };
}

/** Whether two hosts' clock rates stay within the small bound (safety.md 1.2): a measured rate would not tell. */
export function isClockDisciplined({ clock }: Pick<NetworkFacts, "clock">): boolean {
  if (clock.discipline === "chrony") return clock.maxSlewPpm !== null && clock.maxSlewPpm <= MAX_SLEW_PPM;
  return clock.discipline !== "unknown";
}

/** The interface that carries the address, and its subnet in network form; null: none does. */
export function interfaceWith(facts: NetworkFacts, address: string): { name: string; subnet: string } | null {
  for (const { name, addresses } of facts.interfaces) {
    const found = addresses.find((entry) => entry.split("/")[0] === address);
    if (found) return { name, subnet: subnetOf(found) };
  }
  return null;
}

/** `10.0.0.7/24` -> `10.0.0.0/24`. IPv6 prefixes are given back as they are. */
export function subnetOf(addressWithPrefix: string): string {
  const [address = "", prefix = ""] = addressWithPrefix.split("/");
  if (!isIPv4(address)) return addressWithPrefix;
  const bits = Number(prefix);
  const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
  const network = (address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) & mask) >>> 0;
  return `${[24, 16, 8, 0].map((shift) => (network >>> shift) & 255).join(".")}/${bits}`;
}

/** The most that chrony may slew a clock by where the small bound is assumed, ppm. */
export const MAX_SLEW_PPM = 1000;
const VERSIONED = ["runc", "podman", "docker", "nft", "etcd", "etcdctl", "systemd"] as const;
const TOOLS = ["ip", "zstd", "socat", "arping", "tar"];

function criuOf(o: { text: string | null; check: string | null; problems: string | null }): Facts["criu"] {
  if (o.text === null) return null;
  const works = o.check === "0";
  return { version: versionIn(o.text) ?? "0", works, problems: works ? "" : (o.problems ?? "").slice(-400) };
}

/** The first thing in the text that looks like a version. */
function versionIn(text: string | null): string | null {
  if (text === null) return null;
  return /\d+(\.\d+)*/.exec(text)?.[0] ?? "0";
}

function numberIn(text: string | null): number | null {
  return text ? Number.parseFloat(text) : null;
}

function words(text: string | null): string[] {
  return (text ?? "").split(" ").filter((word) => word !== "");
}

/** More than one, or one whose slewing is not known, counts as unknown. */
function disciplineOf(active: string[]): Facts["clock"]["discipline"] {
  const kinds = new Set(active.map((unit) => DISCIPLINES[unit] ?? "unknown"));
  if (kinds.size === 0) return "none";
  return kinds.size === 1 ? [...kinds][0]! : "unknown";
}

const DISCIPLINES: Record<string, Facts["clock"]["discipline"]> = {
  chrony: "chrony",
  "systemd-timesyncd": "timesyncd",
  ntp: "ntpd",
  ntpd: "ntpd",
  ntpsec: "ntpd",
  openntpd: "ntpd",
};

/** Interfaces that come and go with containers and with the product itself. */
const OWN_OR_CONTAINER = /^(ha-|veth|podman\d|docker\d)/;

const linkSchema = z.array(
  z.object({
    ifname: z.string(),
    flags: z.array(z.string()),
    addr_info: z.array(
      z.object({ local: z.string().optional(), prefixlen: z.number(), scope: z.string().optional() }),
    ),
  }),
);

function interfacesIn(json: string | null): Facts["interfaces"] {
  if (!json) return [];
  const links = parse(linkSchema, JSON.parse(json), "output of `ip -j addr`");
  return links
    .filter((link) => link.flags.includes("UP") && !link.flags.includes("LOOPBACK"))
    .filter((link) => !OWN_OR_CONTAINER.test(link.ifname))
    .map((link) => ({
      name: link.ifname,
      addresses: link.addr_info
        .filter((entry) => entry.local && entry.scope !== "link")
        .map((entry) => `${entry.local}/${entry.prefixlen}`),
    }));
}

/** `criu | 4.2.1-1 | http://... sid/main amd64 Packages;...` */
function packagesIn(madison: string | null): Facts["criuPackages"] {
  if (madison === null) return null;
  return madison.split(";").flatMap((line) => {
    const [, found, source] = line.split("|").map((part) => part.trim());
    const suite = source?.split(" ")[1]?.split("/")[0];
    return found && suite ? [{ version: found, suite }] : [];
  });
}
