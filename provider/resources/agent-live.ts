import { setTimeout as sleep } from "node:timers/promises";
import type { GroupStatus } from "../contract";
import { GroupUnavailable, memberStatus } from "../control";
import { UserError } from "../errors";
import type { GroupHandle } from "../group-handle";
import type { HostSession } from "../ssh/session";
import { agentWords } from "./agent-setup";

/** Waits until the agent on this host is a live member of its group and runs this version. */
export async function untilLive(o: {
  host: HostSession;
  member: GroupHandle["members"][number];
  version: string;
  log: (line: string) => void;
  signal: AbortSignal;
  patienceMs?: number;
}): Promise<void> {
  const until = Date.now() + (o.patienceMs ?? 90_000);
  let said = "";
  for (;;) {
    const obstacle = await look(o.member, o.version);
    if (obstacle === null) {
      o.log("the agent is a live member");
      return;
    }
    if (Date.now() >= until) {
      throw new UserError(
        `the agent on ${o.member.name} did not become a live member: ${obstacle}\n${await agentWords(o.host)}`,
      );
    }
    if (obstacle !== said) o.log(`waiting for the agent: ${obstacle.split("\n")[0]}`);
    said = obstacle;
    await sleep(POLL_MS, undefined, { signal: o.signal });
  }
}

async function look(member: GroupHandle["members"][number], version: string): Promise<string | null> {
  try {
    return obstacleIn(await memberStatus(member, { timeoutMs: 10_000 }), { name: member.name, version });
  } catch (error) {
    if (error instanceof GroupUnavailable) return error.message;
    throw error;
  }
}

/** Why a host is no live member of this version yet; null: it is. */
export function obstacleIn(status: GroupStatus, o: { name: string; version: string }): string | null {
  const self = status.hosts.find(({ name }) => name === o.name);
  if (!self) return "the group's policy does not name this host yet";
  if (self.state !== "live") return `the group sees it as ${self.state}`;
  if (self.version !== o.version) return `it still runs version ${self.version}`;
  return null;
}

const POLL_MS = 500;
