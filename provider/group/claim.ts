import { z } from "zod";
import { CLAIM_SCRIPT, claimFile } from "../commands/group";
import { parseJson } from "../contract";
import { CommandFailed, UserError } from "../errors";
import type { HostSession } from "../ssh/session";

/** A host belongs to one group, which belongs to the stack that declared it. */
export const claimSchema = z.object({ group: z.string(), stack: z.string() });
export type Claim = z.infer<typeof claimSchema>;

export function parseClaim(text: string, host: string): Claim {
  return parseJson(claimSchema, text, `the claim on ${host}`);
}

/** Throws where one of the hosts belongs to somebody else; `found`: host name -> its claim. */
export function checkClaims(own: Claim, found: ReadonlyMap<string, Claim | null>): void {
  const problems = [...found].flatMap(([host, claim]) => {
    if (claim === null || (claim.group === own.group && claim.stack === own.stack)) return [];
    return [
      `host ${host} belongs to group "${claim.group}" of stack ${claim.stack}; a host can be in one group only. ` +
        `Remove it from that group first. If that stack no longer exists: stop the container-ha units on ${host} and delete /etc/container-ha and /var/lib/container-ha there.`,
    ];
  });
  if (problems.length > 0) throw new UserError(problems.join("\n"));
}

/**
 * Marks the hosts as this group's. One after the other, in an order that everybody keeps: of two who want them at once
 * one gets all of them, and the other is told whose they are and has none.
 */
export async function claimHosts(hosts: Iterable<HostSession>, own: Claim): Promise<void> {
  for (const host of [...hosts].sort((a, b) => (a.name < b.name ? -1 : 1))) await claimHost(host, own);
}

async function claimHost(host: HostSession, own: Claim): Promise<void> {
  const stdin = JSON.stringify(own);
  try {
    await host.script(CLAIM_SCRIPT, { stdin, label: `claim the host for group ${own.group}` });
  } catch (error) {
    const text = error instanceof CommandFailed ? await host.readFile(claimFile) : null;
    if (text !== null) checkClaims(own, new Map([[host.name, parseClaim(text, host.name)]]));
    throw error;
  }
}
