import type { GroupStatus } from "../../provider/contract";
import type { Lab } from "../lab/lab";
import { allLive, untilGroup } from "../support/group";

/** Of a host that is not live the last of what it said tells why, also where nobody can look at it any more. */
const JOURNAL_LINES = 30;

/** Waits until every host is live; an error tells which are not, and what they said last. */
export async function untilAllLive(lab: Lab, limitMs: number): Promise<void> {
  let last: GroupStatus | null = null;
  const holds = (status: GroupStatus) => {
    last = status;
    return allLive(status);
  };
  await untilGroup(lab, { what: "every host live after the faults", limitMs, holds }).catch(
    async (error: Error) => {
      throw new Error(`${error.message}; ${await whoIsNot(lab, last)}`);
    },
  );
}

async function whoIsNot(lab: Lab, status: GroupStatus | null): Promise<string> {
  if (!status) return "no host told the group's status";
  const missing = status.hosts.filter(({ state }) => state !== "live");
  const told = await Promise.all(
    missing.map(async ({ name, state }) => {
      const journal = await lab
        .logs(name, { lines: JOURNAL_LINES, unit: "container-ha-*" })
        .catch((error: Error) => error.message);
      return `${name} is ${state} and said last:\n${journal}`;
    }),
  );
  return `${status.host} says: ${told.join("\n")}`;
}
