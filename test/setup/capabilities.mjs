// Tells within seconds whether test hosts can run on this machine. As a program it prints the answer as JSON:
// {"ok": true, "missing": []}, or for each thing that is missing why it is needed and what to do.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { unfinished } from "./paths.mjs";
import { asRoot, canBeRoot, findProgram } from "./programs.mjs";

const checks = [
  {
    what: "Linux",
    why: "test hosts are Linux namespaces with CRIU in them",
    fix: "run this on Linux (Debian 12 or 13), for example in a virtual machine",
    present: () => process.platform === "linux",
  },
  {
    what: "the x64 or arm64 architecture",
    why: "the Node runtime of hosts comes for these two",
    fix: "use another machine",
    present: () => ["x64", "arm64"].includes(process.arch),
  },
  {
    what: "root, or sudo without a password",
    why: "test hosts need namespaces, mounts and network interfaces",
    fix: "run as root, or call `sudo -v` first",
    present: canBeRoot,
  },
  {
    what: "Debian's package manager",
    why: "the root file system of test hosts is made with debootstrap",
    fix: "run this on Debian 12 or 13",
    present: () => findProgram("apt-get") !== undefined,
  },
  {
    what: "cgroup v2 with cgroup.kill",
    why: "the power cut of a test host is one write to cgroup.kill",
    fix: "use a kernel of 5.14 or newer with cgroup2 mounted, and not an unprivileged container",
    present: hasCgroupKill,
  },
  {
    what: "a kernel with CHECKPOINT_RESTORE",
    why: "CRIU cannot work without it",
    fix: "use Debian's kernel",
    present: () => existsSync("/proc/sys/kernel/ns_last_pid"),
  },
  {
    what: "new namespaces",
    why: "each test host has its own",
    fix: "do not run this in an unprivileged container",
    present: () => rootShell("unshare --mount --pid --fork --uts --ipc --cgroup --net true"),
  },
  {
    what: "overlay mounts in the cache folder",
    why: "hosts share one root file system below their own disks",
    fix: "point XDG_CACHE_HOME to a folder on ext4, xfs or btrfs",
    present: canOverlay,
  },
  {
    what: "veth, bridge and macvlan interfaces",
    why: "hosts are joined by a bridge, protected containers own a macvlan interface",
    fix: "load the modules veth, bridge and macvlan",
    present: () =>
      findProgram("ip") === undefined ||
      rootShell(
        "unshare --net sh -c 'ip link add name v0 type veth peer name v1 && ip link add name b0 type bridge && ip link add link v0 name m0 type macvlan'",
      ),
  },
];

/** `{ok, missing: [{what, why, fix}]}`; stops at the first thing that is missing, as the later ones build on it. */
export function capabilities() {
  const missing = checks.find((check) => !check.present());
  if (missing === undefined) return { ok: true, missing: [] };
  const { what, why, fix } = missing;
  return { ok: false, missing: [{ what, why, fix }] };
}

export function describeMissing({ missing }) {
  return missing
    .map(({ what, why, fix }) => `no test hosts here: ${what} is missing (${why}); ${fix}`)
    .join("\n");
}

/** Whether root on this machine, and so on its test hosts, may not read the limits of other users' processes. */
export function lacksSysResource() {
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"));
  const sysResource = 1n << 24n;
  return (BigInt(`0x${bounding[1]}`) & sysResource) === 0n;
}

function hasCgroupKill() {
  const mount = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .find((line) => line.split(" ")[2] === "cgroup2");
  if (mount === undefined) return false;
  const probe = `${mount.split(" ")[1]}/container-ha-probe-${process.pid}`;
  return rootShell(
    `mkdir ${probe} && { test -e ${probe}/cgroup.kill; found=$?; rmdir ${probe}; exit $found; }`,
  );
}

function canOverlay() {
  mkdirSync(unfinished, { recursive: true });
  return rootShell(
    `cd "$(mktemp -d -p '${unfinished}')" && mkdir l u w m && unshare --mount sh -c 'mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m && touch m/x'; code=$?; rm -rf "$PWD"; exit $code`,
  );
}

function rootShell(script) {
  const [program, ...args] = asRoot(["sh", "-c", script]);
  return spawnSync(program, args, { stdio: "ignore", timeout: 10_000 }).status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(capabilities()));
