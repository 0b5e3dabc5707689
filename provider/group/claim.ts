import { z } from "zod";
import { CLAIM_SCRIPT } from "../commands/group";
import { parseJson } from "../contract";
import { UserError } from "../errors";
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

/** Marks the host as this group's; succeeds when it is already. */
export async function claimHost(host: HostSession, own: Claim): Promise<void> {
  await host.script(CLAIM_SCRIPT, {
    stdin: JSON.stringify(own),
    label: `claim the host for group ${own.group}`,
  });
}
