import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cgroupOf, createCgroup, killCgroup, powerOf } from "./cgroup";
import type { LabNames } from "./names";
import { cutCarrier, plugHost, unplugHost } from "./network";
import { labScript, rootfsFolder } from "./paths";
import { type RunOptions, type RunResult, tryRun } from "./run";
import type { Subnet } from "./subnet";

const bootTimeoutMs = 60_000;

/** Boots a host from its disk and resolves when its units are up. */
export async function startHost(options: {
  names: LabNames;
  subnet: Subnet;
  /** Folder of the lab. */
  folder: string;
  host: { name: string; index: number };
}): Promise<void> {
  const { names, host } = options;
  if (powerOf(names, host.name) !== "off") throw new Error(`${host.name} runs already`);
  await removeShell(names, host.name);
  await plugHost(names, options.subnet, host);
  const disk = join(options.folder, "hosts", host.name);
  const cgroup = createCgroup(names, host.name);
  const console = openSync(join(disk, "console.log"), "a");
  const argv = [labScript("boot-host.sh"), rootfsFolder(), disk, host.name, names.netnsOf(host.name), cgroup];
  spawn("bash", [...argv, randomUUID()], { detached: true, stdio: ["ignore", console, console] }).unref();
  await booted(names, host.name, join(disk, "console.log"));
}

/** Takes the power of a host and returns when (ms, Unix) nothing more could leave it. */
export async function cutPower(names: LabNames, host: string): Promise<number> {
  if (powerOf(names, host) === "off") throw new Error(`${host} is off already`);
  await cutCarrier(names, host);
  const at = Date.now();
  await removeShell(names, host);
  return at;
}

/** Runs a shell command in a host, entering its namespaces from this machine. */
export async function insideHost(
  names: LabNames,
  host: string,
  command: string,
  options: RunOptions = {},
): Promise<RunResult> {
  const init = initProcess(names, host);
  if (init === undefined) throw new Error(`${host} is off: ${command} cannot run in it`);
  // Below the host's cgroup, so that the command is subject to its power and its pauses.
  const script = 'echo $$ >"$0"; exec nsenter -t "$1" -m -u -i -n -p -C -r -w sh -c "$2"';
  return tryRun(["bash", "-c", script, join(init.cgroup, "cgroup.procs"), init.pid, command], options);
}

/** A file of a host that is on, by its path there, as this machine reaches it. */
export function fileInside(names: LabNames, host: string, path: string): string {
  const init = initProcess(names, host);
  if (init === undefined) throw new Error(`${host} is off: ${path} cannot be reached in it`);
  return join("/proc", init.pid, "root", path);
}

/** Removes what a host has beside its disk: processes, cgroup, network. */
async function removeShell(names: LabNames, host: string): Promise<void> {
  await killCgroup(names, host);
  if (existsSync(join("/run/netns", names.netnsOf(host)))) await unplugHost(names, host);
}

/** Prints the state of the boot once it has ended or takes long, and then what is still being started. */
const bootState = "timeout 3 systemctl is-system-running --wait || systemctl list-jobs --plain --no-legend";

/** A voter is being started for as long as it finds no quorum: the host itself is up. */
function onlyOursIsStarting(jobs: string): boolean {
  const units = [...jobs.matchAll(/^\d+\s+(\S+)\s/gm)].map((match) => match[1]!);
  return units.length > 0 && units.every((unit) => /^container-ha-.*|\.target$/.test(unit));
}

async function booted(names: LabNames, host: string, console: string): Promise<void> {
  const deadline = performance.now() + bootTimeoutMs;
  let last = "no first process";
  while (performance.now() < deadline) {
    if (initProcess(names, host) !== undefined) {
      const { stdout, stderr } = await insideHost(names, host, bootState, { timeoutMs: bootTimeoutMs });
      last = (stdout || stderr).trim();
      if (/^(running|degraded)$/.test(last) || onlyOursIsStarting(last)) return;
    }
    await sleep(50);
  }
  throw new Error(
    `${host} has not booted within ${bootTimeoutMs} ms (${last}):\n${readFileSync(console, "utf8").slice(-800)}`,
  );
}

/** The host's init as this machine sees it, once systemd has moved itself into its own scope. */
function initProcess(names: LabNames, host: string): { pid: string; cgroup: string } | undefined {
  const cgroup = join(cgroupOf(names, host), "init.scope");
  if (!existsSync(cgroup)) return undefined;
  for (const pid of readFileSync(join(cgroup, "cgroup.procs"), "utf8").split("\n").filter(Boolean)) {
    if (/^NSpid:\s.*\t1$/m.test(statusOf(pid))) return { pid, cgroup };
  }
  return undefined;
}

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}
