import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ProbeResult } from "../../env";
import { cgroupOf, readEvents, writeCgroup } from "./cgroup";
import { runc } from "./commands/runc";
import type { RuntimeContext } from "./context";
import { needRecord, runcState } from "./copies";
import { type RunResult, tryRun } from "./exec";
import { placesOf } from "./places";
import { containersOfThisBoot, readRecord } from "./record";
import { until } from "./wait";

const PREFIX = "container-ha-probe-";
const END_TIMEOUT_MS = 5000;
let asked = 0;

/**
 * Runs a command in the container, in a cgroup of its own below the container's: whatever it started, also what left
 * its session or its parent, ends with it.
 */
export async function probeExec(
  context: RuntimeContext,
  { container, command, timeoutMs }: { container: string; command: string[]; timeoutMs: number },
): Promise<ProbeResult> {
  const { engine, id } = needRecord(container);
  const root = runcState(context, needRecord(container))?.root;
  const parent = cgroupOf(engine, id);
  if (!root || !parent) return { result: "unasked", why: "runc does not know a process of it" };
  const name = `${PREFIX}${++asked}`;
  const cgroup = join(parent, name);
  const pidFile = join(placesOf(container).run, name);
  const what = `command ${command[0]}`;
  try {
    mkdirSync(cgroup);
    const result = await tryRun(runc.exec({ root, id, cgroup: name, pidFile, command }), {
      timeoutMs,
      onEnd: () => void writeCgroup(cgroup, "cgroup.kill", "1"),
    });
    return judgeExec(what, result, existsSync(pidFile));
  } catch (error) {
    // It began and did not end, or it could not be begun.
    return existsSync(pidFile)
      ? { result: "failed", fault: `${what}: no answer within ${timeoutMs / 1000} s` }
      : { result: "unasked", why: (error as Error).message };
  } finally {
    await endProbe(cgroup);
    rmSync(pidFile, { force: true });
  }
}

/** An exit code is the command's own only where the command began; else it is runc's. */
export function judgeExec(what: string, { code, stdout, stderr }: RunResult, began: boolean): ProbeResult {
  if (began && code === 0) return { result: "healthy" };
  const last = (stderr || stdout).trim().split("\n").at(-1);
  if (began) return { result: "failed", fault: `${what}: exit code ${code}${last ? `, ${last}` : ""}` };
  const said = messageOf(last ?? "");
  // The container has no such program, or none that can be run: no host could.
  return /unable to start container process: exec[: ]/.test(said)
    ? { result: "failed", fault: `${what}: ${said}` }
    : { result: "unasked", why: `${what} could not be begun: ${said || `exit code ${code}`}` };
}

/** What runc means to say, without the time and the level. */
function messageOf(line: string): string {
  const quoted = /\bmsg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
  return quoted ? JSON.parse(quoted) : line;
}

/** What probes of an agent that ended have left in containers that go on. */
export async function endLeftProbes(): Promise<void> {
  for (const container of containersOfThisBoot()) {
    const record = readRecord(container);
    const cgroup = record && cgroupOf(record.engine, record.id);
    if (!cgroup) continue;
    const left = readdirSync(cgroup).filter((name) => name.startsWith(PREFIX));
    for (const name of left) await endProbe(join(cgroup, name));
  }
}

async function endProbe(cgroup: string): Promise<void> {
  try {
    writeCgroup(cgroup, "cgroup.kill", "1");
    await until(() => !readEvents(cgroup)?.populated, {
      what: "what a probe started has ended",
      timeoutMs: END_TIMEOUT_MS,
    });
    rmdirSync(cgroup);
  } catch {
    // The container ended meanwhile, and its cgroup with it; what would be left is found at the agent's next start.
  }
}
