import { type Facts, parseFacts } from "../../../provider/preflight/facts";

/** What a Debian 13 host with everything prints; `changes` replaces lines by name, null takes them out. */
export function sampleOutput(changes: Record<string, string | null> = {}): string {
  const lines: Record<string, string | null> = {
    uid: "0",
    "os.id": "debian",
    "os.version": "13",
    "os.name": "Debian GNU/Linux 13 (trixie)",
    arch: "x86_64",
    kernel: "6.12.48+deb13-amd64",
    machineId: "44012b7c38b8364b1e8e60610030cf34",
    init: "systemd",
    "cpu.model": "AMD EPYC",
    "cpu.flags": "fpu vme avx2",
    memoryKb: "4194304",
    diskMb: "258020 69626",
    systemd: "systemd 257 (257.13-1~deb13u1)",
    criu: "Version: 4.1.1",
    runc: "runc version 1.1.15+ds1",
    podman: "podman version 5.4.2",
    docker: "Docker version 26.1.5+dfsg1, build a72d7cd",
    "docker.info": dockerInfo(),
    nft: "nftables v1.1.3 (Commodore Bullmoose #4)",
    etcd: "etcd Version: 3.5.16",
    etcdctl: "etcdctl version: 3.5.16",
    ip: "present",
    zstd: "present",
    socat: "present",
    arping: "present",
    tar: "present",
    "criu.check": "0",
    "criu.problems": "Looks good.",
    interfaces: JSON.stringify([
      link("lo", ["LOOPBACK", "UP"], ["127.0.0.1/8"]),
      link("eth0", ["UP"], ["10.0.0.11/24", "fd00::11/64"]),
      link("podman0", ["UP"], ["10.88.0.1/16"]),
    ]),
    "chrony.maxslewrate": "",
    cgroup: "cgroup2fs",
    "cgroup.controllers": "cpu memory pids",
    apt: "",
    ...changes,
  };
  return Object.entries(lines)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}\t${value}\n`)
    .join("");
}

export function sampleFacts(changes: Record<string, string | null> = {}): Facts {
  return parseFacts(sampleOutput(changes), "a");
}

function link(ifname: string, flags: string[], addresses: string[]) {
  const addr_info = addresses.map((address) => {
    const [local, prefixlen] = address.split("/");
    return { local, prefixlen: Number(prefixlen), scope: "global" };
  });
  return { ifname, flags, addr_info };
}

/** What `docker info --format '{{json .}}'` prints, as far as it is looked at. */
export function dockerInfo(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    ExperimentalBuild: true,
    LiveRestoreEnabled: false,
    ContainersRunning: 0,
    DriverStatus: [["Backing Filesystem", "extfs"]],
    ...changes,
  });
}
