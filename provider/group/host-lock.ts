import { randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { z } from "zod";
import { operationLock, RELEASE_LOCK_SCRIPT, TAKE_LOCK_SCRIPT } from "../commands/host-lock";
import { parseJson } from "../contract";
import { UserError } from "../errors";
import type { HostSession } from "../ssh/session";
import { type Claim, claimSchema } from "./claim";

const holderSchema = claimSchema.extend({ by: z.string(), token: z.string() });
type Holder = z.infer<typeof holderSchema>;

type Lockable = Pick<HostSession, "name" | "script">;

/**
 * One operation of a group at a time on each of these hosts, whoever runs it and from which machine: also before there
 * is any etcd. All of them or none are taken, in an order that everybody keeps. The lock ends by itself soon after its
 * holder died; one that a dead process of this machine left is taken over at once.
 */
export async function withHostLocks<T>(
  hosts: ReadonlyMap<string, Lockable>,
  own: Claim,
  work: () => Promise<T>,
): Promise<T> {
  const by = `${userInfo().username}@${hostname()} (process ${process.pid})`;
  const holder = JSON.stringify({ group: own.group, stack: own.stack, by, token: randomUUID() });
  const taken: Lockable[] = [];
  let renewed: Promise<unknown> = Promise.resolve();
  const renew = setInterval(() => {
    // A lock's loss shows as its end, not as ours.
    renewed = Promise.allSettled([renewed, ...taken.map((host) => takeOn(host, holder))]);
  }, RENEW_MS);
  try {
    for (const [name, host] of [...hosts].sort(([, a], [, b]) => (a.name < b.name ? -1 : 1))) {
      const other = await lock(host, holder);
      if (other) throw new UserError(heldText(other, own, name));
      taken.push(host);
    }
    return await work();
  } finally {
    clearInterval(renew);
    await renewed; // one that arrives after the release would take the lock again, for nobody
    const release = taken.map((host) =>
      host.script(RELEASE_LOCK_SCRIPT, {
        args: [operationLock],
        stdin: holder,
        label: "give the host's lock back",
      }),
    );
    await Promise.allSettled(release);
  }
}

const TTL_SECONDS = 60;
const RENEW_MS = 15_000;

/** Resolves with who else holds it, null: we do. */
async function lock(host: Lockable, holder: string): Promise<Holder | null> {
  let other = await takeOn(host, holder);
  if (other !== "" && isOfDeadProcess(parseHolder(other, host).by)) other = await takeOn(host, holder, other);
  return other === "" ? null : parseHolder(other, host);
}

/** Resolves with the line of who holds it, empty: we do. */
async function takeOn(host: Lockable, holder: string, dead = ""): Promise<string> {
  const { stdout } = await host.script(TAKE_LOCK_SCRIPT, {
    args: [operationLock, String(TTL_SECONDS), dead],
    stdin: holder,
    label: "take the host's lock",
  });
  return stdout.trim();
}

function parseHolder(text: string, host: Lockable): Holder {
  return parseJson(holderSchema, text, `the lock on ${host.name}`);
}

function heldText({ group, stack, by }: Holder, own: Claim, host: string): string {
  const ends = `if it died, its lock ends by itself within ${TTL_SECONDS} s.`;
  if (group === own.group && stack === own.stack) {
    return `another operation on this group is running: stack ${stack} by ${by}. Run this again when it has ended; ${ends}`;
  }
  return (
    `host ${host} belongs to group "${group}" of stack ${stack}, which is being set up by ${by}; ` +
    `a host can be in one group only. Nothing was changed; ${ends}`
  );
}

function isOfDeadProcess(by: string): boolean {
  const found = /@(\S+) \(process (\d+)\)$/.exec(by);
  if (!found || found[1] !== hostname()) return false;
  try {
    process.kill(Number(found[2]), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
