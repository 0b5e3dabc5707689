import type { Engine } from "../contract";
import { criuFault, neededCriu } from "./criu";
import { dockerFault, LACKS_EXPERIMENTAL, lacksExperimental } from "./docker";
import type { Facts } from "./facts";
import { isAtLeast } from "./version";

export interface Needs {
  role: "member" | "witness";
  engines: readonly Engine[];
  /** Address between hosts. */
  address: string;
}

export interface Verdict {
  /** What apt can put right: package names, with the suite to take them from where it is not the default one. */
  missing: { packages: string[]; suite?: string }[];
  /** Docker has to be told to restore checkpoints, which the Host can do. */
  experimental: boolean;
  /** What a person has to put right, each with how. */
  faults: string[];
}

/** What keeps the host from its role. Pure: the same facts give the same verdict. */
export function judge(facts: Facts, needs: Needs): Verdict {
  if (!facts.root) {
    return {
      missing: [],
      experimental: false,
      faults: [
        "the user is not root: connect as root, or set `connection.sudo: true` for a user who may sudo without a password",
      ],
    };
  }
  const usesDocker = needs.role === "member" && needs.engines.includes("docker");
  const docker = usesDocker ? dockerFault(facts) : undefined;
  const faults = [
    ...machineFaults(facts, needs),
    ...(needs.role === "member" ? memberFaults(facts) : []),
    ...(docker ? [docker] : []),
  ];
  const experimental = usesDocker && lacksExperimental(facts) && docker === undefined;
  const packages = missingPackages(facts, needs);
  const criu = needs.role === "member" ? neededCriu(facts) : undefined;
  const missing = [...(packages.length > 0 ? [{ packages }] : []), ...(criu ? [criu] : [])];
  if (missing.length > 0 && facts.criuPackages === null) {
    const names = missing.flatMap((entry) => entry.packages).join(", ");
    return {
      missing: [],
      experimental,
      faults: [
        ...faults,
        `missing: ${names}; ${facts.os.name} has no apt-get, so install them by its own means`,
      ],
    };
  }
  const fault = needs.role === "member" && !criu ? criuFault(facts) : undefined;
  return { missing, experimental, faults: fault ? [...faults, fault] : faults };
}

/** The verdict as the lines a person reads; empty when the host is ready. */
export function verdictLines({ missing, experimental, faults }: Verdict): string[] {
  const packages = missing.map(
    ({ packages: names, suite }) =>
      `missing: ${names.join(", ")} (apt-get install ${suite ? `-t ${suite} ` : ""}${names.join(" ")})`,
  );
  return [...faults, ...packages, ...(experimental ? [LACKS_EXPERIMENTAL] : [])];
}

function machineFaults(facts: Facts, needs: Needs): string[] {
  const faults: string[] = [];
  if (facts.init !== "systemd") faults.push(`process 1 is ${facts.init}: a host needs systemd`);
  if (!ARCHITECTURES.includes(facts.arch)) {
    faults.push(`the architecture is ${facts.arch}: supported are ${ARCHITECTURES.join(" and ")}`);
  }
  const addresses = facts.interfaces.flatMap((entry) =>
    entry.addresses.map((address) => address.split("/")[0]),
  );
  if (!addresses.includes(needs.address)) {
    faults.push(
      `address ${needs.address} is on none of its interfaces (it has ${addresses.join(", ") || "none"}): set \`address\` to the one that the other hosts reach`,
    );
  }
  if (facts.freeDiskMb < LEAST_DISK_MB[needs.role]) {
    faults.push(
      `only ${facts.freeDiskMb} MB are free below /var/lib: at least ${LEAST_DISK_MB[needs.role]} MB are needed`,
    );
  }
  if (facts.memoryMb < LEAST_MEMORY_MB[needs.role]) {
    faults.push(
      `it has ${facts.memoryMb} MB of memory: at least ${LEAST_MEMORY_MB[needs.role]} MB are needed`,
    );
  }
  return faults;
}

function memberFaults(facts: Facts): string[] {
  const faults: string[] = [];
  if (!isAtLeast(facts.kernel, LEAST_KERNEL)) {
    faults.push(
      `kernel ${facts.kernel} has no nft egress hook, which the gate needs: install kernel ${LEAST_KERNEL} or later (Debian 12 has 6.1)`,
    );
  }
  if (!facts.unifiedCgroups) {
    faults.push("cgroup v2 is not mounted at /sys/fs/cgroup: boot with systemd.unified_cgroup_hierarchy=1");
  }
  if (facts.nft && !isAtLeast(facts.nft, LEAST_NFT)) {
    faults.push(`nft ${facts.nft} is too old: ${LEAST_NFT} or later is needed (Debian 12 has 1.0.6)`);
  }
  return faults;
}

function missingPackages(facts: Facts, needs: Needs): string[] {
  const tools = needs.role === "member" ? MEMBER_TOOLS : WITNESS_TOOLS;
  const packages = Object.entries(tools).flatMap(([tool, name]) => (has(facts, tool) ? [] : [name]));
  const engines = needs.role === "member" ? needs.engines.filter((engine) => facts[engine] === null) : [];
  return [...packages, ...engines.flatMap((engine) => enginePackages(engine, facts))];
}

function has(facts: Facts, tool: string): boolean {
  if (tool === "nft" || tool === "runc") return facts[tool] !== null;
  return facts.tools.includes(tool);
}

/** Named one by one, since recommended packages are not installed. */
function enginePackages(engine: Engine, facts: Facts): string[] {
  if (engine === "podman") return ["podman", "netavark", "aardvark-dns"];
  // From Debian 13 on the command line is a package of its own.
  return isAtLeast(facts.os.version || "0", "13") ? ["docker.io", "docker-cli"] : ["docker.io"];
}

const ARCHITECTURES = ["x86_64", "aarch64"];
const LEAST_KERNEL = "5.16";
const LEAST_NFT = "1.0";
const LEAST_DISK_MB = { member: 1024, witness: 512 };
const LEAST_MEMORY_MB = { member: 512, witness: 192 };
const WITNESS_TOOLS: Record<string, string> = { ip: "iproute2", socat: "socat" };
const MEMBER_TOOLS: Record<string, string> = {
  ...WITNESS_TOOLS,
  nft: "nftables",
  zstd: "zstd",
  arping: "iputils-arping",
  tar: "tar",
  runc: "runc",
};
