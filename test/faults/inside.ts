import type { Lab } from "../lab/lab";

/**
 * Runs a shell command in a host from this machine, whatever is cut off. A host that is off or paused bears no more: a
 * sequence of faults may come to that, and goes on.
 */
export async function insideRunning(lab: Lab, host: string, command: string): Promise<void> {
  if (lab.power(host) !== "running") return;
  const result = await lab.inside(host, command);
  if (result.code !== 0)
    throw new Error(
      `${host}: ${command}: ended with ${result.code}: ${(result.stderr || result.stdout).trim()}`,
    );
}
