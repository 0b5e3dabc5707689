import assert from "node:assert/strict";
import { judge, type Needs, verdictLines } from "../../../provider/preflight/judge";
import { dockerInfo, sampleFacts } from "./sample-facts";

const SID = "criu | 4.2.1-1 | http://mirror.example/debian sid/main amd64 Packages;";
const member: Needs = { role: "member", engines: ["podman"], address: "10.0.0.11" };

interface Case {
  title: string;
  changes: Record<string, string | null>;
  needs?: Partial<Needs>;
  lines: string[];
}

const CASES: Case[] = [
  { title: "a host with everything is ready", changes: {}, lines: [] },
  {
    title: "a user who is not root",
    changes: { uid: "1000", nft: null },
    lines: [
      "the user is not root: connect as root, or set `connection.sudo: true` for a user who may sudo without a password",
    ],
  },
  {
    title: "missing tools are packages to install",
    changes: { nft: null, zstd: null, arping: null, runc: null },
    lines: [
      "missing: nftables, zstd, iputils-arping, runc (apt-get install nftables zstd iputils-arping runc)",
    ],
  },
  {
    title: "podman comes with its network",
    changes: { podman: null },
    lines: ["missing: podman, netavark, aardvark-dns (apt-get install podman netavark aardvark-dns)"],
  },
  {
    title: "docker on Debian 13 needs its command line",
    changes: { docker: null },
    needs: { engines: ["docker"] },
    lines: ["missing: docker.io, docker-cli (apt-get install docker.io docker-cli)"],
  },
  {
    title: "docker on Debian 12 is one package",
    changes: { docker: null, "os.version": "12" },
    needs: { engines: ["docker"] },
    lines: ["missing: docker.io (apt-get install docker.io)"],
  },
  {
    title: "docker as Debian ships it lacks a setting",
    changes: { "docker.info": dockerInfo({ ExperimentalBuild: false }) },
    needs: { engines: ["docker"] },
    lines: [
      'missing: "experimental": true in /etc/docker/daemon.json, without which docker restores no checkpoint',
    ],
  },
  {
    title: "docker lacks the setting, and its restart would end what runs",
    changes: { "docker.info": dockerInfo({ ExperimentalBuild: false, ContainersRunning: 3 }) },
    needs: { engines: ["docker"] },
    lines: [
      'docker restores no checkpoint without "experimental": true in /etc/docker/daemon.json; setting it means a restart of docker, which would end 3 running containers here: do that when they may end (`systemctl restart docker`)',
    ],
  },
  {
    title: "docker lacks the setting, and what runs outlives its restart",
    changes: {
      "docker.info": dockerInfo({
        ExperimentalBuild: false,
        ContainersRunning: 3,
        LiveRestoreEnabled: true,
      }),
    },
    needs: { engines: ["docker"] },
    lines: [
      'missing: "experimental": true in /etc/docker/daemon.json, without which docker restores no checkpoint',
    ],
  },
  {
    title: "docker that keeps layers in containerd's store",
    changes: {
      "docker.info": dockerInfo({ DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]] }),
    },
    needs: { engines: ["docker"] },
    lines: [
      'docker keeps layers in containerd\'s store, where no checkpoint of them can be taken: set "features": {"containerd-snapshotter": false} in /etc/docker/daemon.json, restart docker, and pull the images again',
    ],
  },
  {
    title: "docker whose daemon does not answer",
    changes: { "docker.info": dockerInfo({ ServerErrors: ["Cannot connect to the Docker daemon"] }) },
    needs: { engines: ["docker"] },
    lines: ["docker's daemon does not answer: see `systemctl status docker`"],
  },
  {
    title: "docker that nobody asks for may be set as it likes",
    changes: { "docker.info": dockerInfo({ ExperimentalBuild: false }) },
    lines: [],
  },
  {
    title: "an engine that is not asked for may be missing",
    changes: { docker: null },
    lines: [],
  },
  {
    title: "CRIU 3.17 on a kernel where it does not start, no newer one in apt",
    changes: { criu: "Version: 3.17.1", kernel: "6.13.1-amd64" },
    lines: [
      "CRIU 3.17.1 does not work on kernel 6.13.1-amd64: older ones do not start there (rt vDSO area); install CRIU 4.1 or later: Debian sid has it (add sid to the apt sources with pin priority 100, then run this again: it is taken from there); or boot an older kernel",
    ],
  },
  {
    title: "CRIU 4.1 on a kernel where it cannot dump TCP sockets",
    changes: { kernel: "6.18.44" },
    lines: [
      "CRIU 4.1.1 does not work on kernel 6.18.44: older ones cannot dump TCP sockets there (SO_PASSCRED); install CRIU 4.2 or later: Debian sid has it (add sid to the apt sources with pin priority 100, then run this again: it is taken from there); or boot an older kernel",
    ],
  },
  {
    title: "CRIU that is too old is taken from sid where sid is a source",
    changes: { kernel: "6.18.44", apt: SID },
    lines: ["missing: criu (apt-get install -t sid criu)"],
  },
  {
    title: "CRIU that is missing is taken from the suite that is closest to the system",
    changes: {
      criu: null,
      apt: `${SID}criu | 4.1.1-1 | http://mirror.example/debian trixie/main amd64 Packages;`,
    },
    lines: ["missing: criu (apt-get install -t trixie criu)"],
  },
  {
    title: "CRIU that is missing everywhere",
    changes: { criu: null },
    lines: [
      "CRIU is missing and apt has no fitting one: install CRIU 3.17 or later: Debian sid has it (add sid to the apt sources with pin priority 100, then run this again: it is taken from there); or boot an older kernel",
    ],
  },
  {
    title: "a CRIU whose own check fails",
    changes: { "criu.check": "1", "criu.problems": "Error (criu/cr-check.c): no MEM_TRACK" },
    lines: ["`criu check` fails on kernel 6.12.48+deb13-amd64: Error (criu/cr-check.c): no MEM_TRACK"],
  },
  {
    title: "an old kernel",
    changes: { kernel: "5.10.0-30-amd64" },
    lines: [
      "kernel 5.10.0-30-amd64 has no nft egress hook, which the gate needs: install kernel 5.16 or later (Debian 12 has 6.1)",
    ],
  },
  {
    title: "cgroup v1",
    changes: { cgroup: "tmpfs" },
    lines: ["cgroup v2 is not mounted at /sys/fs/cgroup: boot with systemd.unified_cgroup_hierarchy=1"],
  },
  {
    title: "another architecture and another init",
    changes: { arch: "armv7l", init: "busybox" },
    lines: [
      "process 1 is busybox: a host needs systemd",
      "the architecture is armv7l: supported are x86_64 and aarch64",
    ],
  },
  {
    title: "an address that the host does not have",
    changes: {},
    needs: { address: "10.0.0.99" },
    lines: [
      "address 10.0.0.99 is on none of its interfaces (it has 10.0.0.11, fd00::11): set `address` to the one that the other hosts reach",
    ],
  },
  {
    title: "a full disk and little memory",
    changes: { diskMb: "10000 300", memoryKb: "262144" },
    lines: [
      "only 300 MB are free below /var/lib: at least 1024 MB are needed",
      "it has 256 MB of memory: at least 512 MB are needed",
    ],
  },
  {
    title: "a witness needs no engine, CRIU or nft, and little of all",
    changes: {
      criu: null,
      podman: null,
      nft: null,
      runc: null,
      kernel: "5.10.0",
      diskMb: "9000 600",
      memoryKb: "262144",
    },
    needs: { role: "witness" },
    lines: [],
  },
  {
    title: "a distribution without apt",
    changes: { apt: null, nft: null, "os.id": "fedora", "os.name": "Fedora Linux 43" },
    lines: ["missing: nftables; Fedora Linux 43 has no apt-get, so install them by its own means"],
  },
];

describe("the verdict about a host", () => {
  for (const { title, changes, needs, lines } of CASES) {
    it(title, () => {
      assert.deepEqual(verdictLines(judge(sampleFacts(changes), { ...member, ...needs })), lines);
    });
  }
});
