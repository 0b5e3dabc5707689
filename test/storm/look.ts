import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupCandidates, readEvents } from "../../provider/agent/env/runtime/cgroup";
import { type Engine, paths } from "../../provider/contract";
import { cgroupOf } from "../lab/cgroup";
import type { Lab } from "../lab/lab";
import { labNames } from "../lab/names";

/** Why a container executes nothing. */
export type Standstill = "frozen" | "in a ptrace stop";

/**
 * Looks at a container's cgroup and at its first process from this machine, without the product; null: it executes, or
 * it is not there.
 */
export function standstillOf(lab: Lab, host: string, container: string): Standstill | null {
  if (lab.power(host) !== "running") return null;
  try {
    const record = readFileSync(
      lab.fileInside(host, join(paths.state, "copies", `${container}.json`)),
      "utf8",
    );
    const { engine, id } = JSON.parse(record) as { engine: Engine; id: string };
    for (const cgroup of cgroupCandidates(engine, id, cgroupOf(labNames(lab.id), host))) {
      const events = readEvents(cgroup);
      if (events === null) continue;
      if (events.frozen) return "frozen";
      return readFileSync(join(cgroup, "cgroup.procs"), "utf8")
        .split("\n")
        .filter(Boolean)
        .some(isStoppedInit)
        ? "in a ptrace stop"
        : null;
    }
  } catch {
    // It has just gone, or its host has.
  }
  return null;
}

function isStoppedInit(pid: string): boolean {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return /^State:\s+t/m.test(status) && /^NSpid:\s.*\t1$/m.test(status);
}
