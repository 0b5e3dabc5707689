import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Engine } from "../../../contract";

export interface CgroupEvents {
  populated: boolean;
  frozen: boolean;
}

/** The container's own cgroup, or null when it has none now. Never the root of the tree, never a parent. */
export function cgroupOf(engine: Engine, id: string): string | null {
  // safety: an empty or wrong path would freeze or kill the whole host.
  if (!/^[0-9a-f]{64}$/.test(id)) throw new Error(`"${id}" is not the id of a container`);
  return (
    cgroupCandidates(engine, id, cgroupRoot()).find((path) => existsSync(`${path}/cgroup.events`)) ?? null
  );
}

/** By systemd and by the engines themselves (`cgroupfs`). */
export function cgroupCandidates(engine: Engine, id: string, root: string): string[] {
  return engine === "podman"
    ? [`${root}/machine.slice/libpod-${id}.scope`, `${root}/libpod_parent/libpod-${id}`]
    : [`${root}/system.slice/docker-${id}.scope`, `${root}/docker/${id}`];
}

/** Null: the cgroup is gone, and with it every process that it had. */
export function readEvents(cgroup: string): CgroupEvents | null {
  try {
    return parseEvents(readFileSync(`${cgroup}/cgroup.events`, "utf8"));
  } catch (error) {
    if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}

export function parseEvents(text: string): CgroupEvents {
  return { populated: /^populated 1$/m.test(text), frozen: /^frozen 1$/m.test(text) };
}

/** Its processes; none when the cgroup is gone. */
export function processesIn(cgroup: string): number[] {
  try {
    return readFileSync(`${cgroup}/cgroup.procs`, "utf8").split("\n").filter(Boolean).map(Number);
  } catch (error) {
    if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** Writes to a file of the cgroup; false: the cgroup is gone. */
export function writeCgroup(
  cgroup: string,
  file: "cgroup.freeze" | "cgroup.kill",
  value: "0" | "1",
): boolean {
  try {
    writeFileSync(`${cgroup}/${file}`, value);
    return true;
  } catch (error) {
    if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

let root: string | undefined;

/** Where cgroup v2 is mounted: beside v1 controllers it is not /sys/fs/cgroup itself. */
export function cgroupRoot(): string {
  root ??= cgroup2Mount(readFileSync("/proc/mounts", "utf8"));
  return root;
}

export function cgroup2Mount(mounts: string): string {
  const line = mounts.split("\n").find((mount) => mount.split(" ")[2] === "cgroup2");
  if (line === undefined)
    throw new Error("cgroup v2 is not mounted on this host; containers cannot be frozen without it");
  return line.split(" ")[1]!;
}

/** Controllers that the host can lend to containers; limits of others would make the engine fail. */
export function cgroupControllers(): string[] {
  return readFileSync(`${cgroupRoot()}/cgroup.controllers`, "utf8").split(/\s+/).filter(Boolean);
}
