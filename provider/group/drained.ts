import { setTimeout as sleep } from "node:timers/promises";
import type { GroupStatus, Policy } from "../contract";
import { groupStatus } from "../control";
import { UserError } from "../errors";
import type { GroupHandle } from "../group-handle";

const DRAIN_MS = 600_000;
const POLL_MS = 500;

/** Hosts whose maintenance begins with this policy. */
export function enteringMaintenance(before: Policy | undefined, now: Policy): string[] {
  const was = new Set(before?.hosts.filter((host) => host.maintenance).map(({ name }) => name));
  return before
    ? now.hosts.filter((host) => host.maintenance && !was.has(host.name)).map(({ name }) => name)
    : [];
}

/** What still runs on these hosts, as sentences. */
export function leftOn(hosts: readonly string[], { containers }: Pick<GroupStatus, "containers">): string[] {
  return containers
    .filter(({ primary }) => primary !== null && hosts.includes(primary))
    .map(({ name, primary, degraded }) => `${name} on ${primary}${degraded ? ` (${degraded})` : ""}`);
}

/** Waits until the agents have moved every container away from hosts whose maintenance began. */
export async function untilDrained(o: {
  handle: GroupHandle;
  hosts: readonly string[];
  log(line: string): void;
  signal: AbortSignal;
}): Promise<void> {
  const deadline = Date.now() + DRAIN_MS;
  let said = "";
  for (;;) {
    const left = leftOn(o.hosts, await groupStatus(o.handle, { signal: o.signal }));
    if (left.length === 0) return;
    if (Date.now() >= deadline) {
      throw new UserError(
        `${o.hosts.join(", ")} could not be emptied for maintenance within ${DRAIN_MS / 60_000} min; still there: ${left.join("; ")}`,
      );
    }
    const sentence = `moving ${left.join("; ")}`;
    if (sentence !== said) o.log(sentence);
    said = sentence;
    await sleep(POLL_MS, undefined, { signal: o.signal });
  }
}
