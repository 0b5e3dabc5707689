import type { Lab } from "../lab/lab";
import { allLive, groupStatus, untilGroup } from "../support/group";

/** Of a host that is not live the last of what it said tells why, also where nobody can look at it any more. */
const JOURNAL_LINES = 30;

/** Waits until every host is live; an error tells which are not, and what they said last. */
export async function untilAllLive(lab: Lab, limitMs: number): Promise<void> {
  await untilGroup(lab, { what: "every host live after the faults", limitMs, holds: allLive }).catch(
    async (error: Error) => {
      throw new Error(`${error.message}; ${await whoIsNot(lab)}`);
    },
  );
}

async function whoIsNot(lab: Lab): Promise<string> {
  const status = await groupStatus(lab).catch(() => null);
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
