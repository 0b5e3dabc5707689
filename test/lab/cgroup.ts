import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LabNames } from "./names";
import { run } from "./run";

export type Power = "running" | "paused" | "off";

/** Where cgroup v2 is mounted: beside v1 controllers it is not /sys/fs/cgroup itself. */
export function cgroupRoot(mounts = readFileSync("/proc/mounts", "utf8")): string {
  const line = mounts.split("\n").find((mount) => mount.split(" ")[2] === "cgroup2");
  if (line === undefined) throw new Error("cgroup v2 is not mounted on this machine; test hosts need it");
  return line.split(" ")[1]!;
}

export function cgroupOf(names: LabNames, member: string): string {
  return join(cgroupRoot(), names.cgroup, member);
}

/** Creates the cgroup of a host and lends it every controller that the machine has to give. */
export function createCgroup(names: LabNames, member: string): string {
  const root = cgroupRoot();
  const lab = join(root, names.cgroup);
  mkdirSync(lab, { recursive: true });
  for (const folder of [root, lab]) lendControllers(folder);
  const cgroup = join(lab, member);
  mkdirSync(cgroup, { recursive: true });
  return cgroup;
}

export function powerOf(names: LabNames, member: string): Power {
  const cgroup = cgroupOf(names, member);
  if (!existsSync(cgroup)) return "off";
  const events = readFileSync(join(cgroup, "cgroup.events"), "utf8");
  if (!events.includes("populated 1")) return "off";
  return events.includes("frozen 1") ? "paused" : "running";
}

/** Stops (or lets run again) every process of a host at once; the kernel's timers go on. */
export async function setFrozen(names: LabNames, member: string, frozen: boolean): Promise<void> {
  const cgroup = cgroupOf(names, member);
  writeFileSync(join(cgroup, "cgroup.freeze"), frozen ? "1" : "0");
  await until(
    () => readFileSync(join(cgroup, "cgroup.events"), "utf8").includes(`frozen ${frozen ? 1 : 0}`),
    {
      what: `${member} ${frozen ? "frozen" : "thawed"}`,
      timeoutMs: 5000,
    },
  );
}

/** Ends every process below the cgroup at once and removes it. */
export async function killCgroup(names: LabNames, member: string): Promise<void> {
  const cgroup = cgroupOf(names, member);
  if (!existsSync(cgroup)) return;
  writeFileSync(join(cgroup, "cgroup.kill"), "1");
  await until(() => readFileSync(join(cgroup, "cgroup.events"), "utf8").includes("populated 0"), {
    what: `the processes of ${member} ended`,
    timeoutMs: 10_000,
  });
  await run(["find", cgroup, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]);
}

async function until(condition: () => boolean, options: { what: string; timeoutMs: number }): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${options.timeoutMs} ms: ${options.what}`);
    await sleep(2);
  }
}

function lendControllers(folder: string): void {
  const wanted = readFileSync(join(folder, "cgroup.controllers"), "utf8").split(/\s+/).filter(Boolean);
  const lent = readFileSync(join(folder, "cgroup.subtree_control"), "utf8").split(/\s+/);
  for (const controller of wanted.filter((name) => !lent.includes(name))) {
    try {
      writeFileSync(join(folder, "cgroup.subtree_control"), `+${controller}`);
    } catch {
      // A controller that the machine keeps for itself is simply missing on the hosts, as on some real ones.
    }
  }
}

/** Sends a signal to every process of a unit of the host at once, from this machine. */
export function signalUnit(
  names: LabNames,
  { host, unit, signal }: { host: string; unit: string; signal: NodeJS.Signals },
): void {
  const file = join(cgroupOf(names, host), "system.slice", unit, "cgroup.procs");
  if (!existsSync(file)) return;
  for (const pid of readFileSync(file, "utf8").split("\n").filter(Boolean)) process.kill(Number(pid), signal);
}
