import { ctlReplySchema, leastFenceMs, parse, realMac } from "../contract";
import type { Context } from "./context";
import type { LeaseEvent } from "./env";

export type Asking = Extract<LeaseEvent, { type: "asking" }>;

/** How long a peer has for its answer; the lease process does not wait much longer. */
const ANSWER_MS = 200;

/** Who alone is to take containers of this host when it is fenced, and so has to be asked; null: nobody is asked. */
export function wantedMembers({ policy, me }: Pick<Context, "policy" | "me">): string[] | null {
  if (policy.onQuorumLoss !== "failsafe") return null;
  // A host in maintenance takes nothing, and is down soon.
  const members = policy.hosts.filter(
    ({ name, role, maintenance }) => role === "member" && (!maintenance || name === me.host),
  );
  return members.map(({ name }) => name).sort();
}

/** Asks every host that could take over what is behind these MACs, and tells the lease process whether all promised. */
export async function askForPromises(
  context: Context,
  { sid, attempt, macs, leaseMs }: Asking,
): Promise<void> {
  const { env, me } = context;
  let why: string | null = null;
  try {
    const members = membersBehind(context, macs);
    await Promise.all(members.map((member) => promised(context, member, leaseMs)));
  } catch (error) {
    why = (error as Error).message;
  }
  if (context.signal.aborted) return;
  if (why !== context.unpromised && sid === me.sid) {
    context.unpromised = why;
    const sentence =
      why === null
        ? "every host promises to take nothing"
        : `not every host promises to take nothing: ${why}`;
    env.log.event({ kind: "failsafe", sentence: `without the store: ${sentence}` });
  }
  await env.gate.vouch({ sid, attempt, promised: why === null });
}

/**
 * Hosts other than this one on the lists of the containers that have these MACs. Throws where a list is not known.
 * safety: only what this agent wrote itself and had acknowledged: what an earlier one sent may still change the record.
 */
export function membersBehind(
  { me, view, locals }: Pick<Context, "me" | "view" | "locals">,
  macs: string[],
): string[] {
  const members = new Set<string>();
  const left = new Set(macs);
  for (const [name, { failsafe }] of locals) {
    if (!left.delete(realMac(me.group, name))) continue;
    const owner = view.containers.get(name)?.owner?.value;
    const isMine = owner?.host === me.host && owner.sid === me.sid;
    if (!isMine || failsafe?.epoch !== owner.epoch)
      throw new Error(`who may take ${name} was not recorded before the store went away`);
    for (const member of failsafe.members) members.add(member);
  }
  if (left.size > 0) throw new Error(`nothing is known of ${[...left].join(", ")}`);
  members.delete(me.host);
  return [...members].sort();
}

async function promised({ env, me, policy }: Context, member: string, leaseMs: number): Promise<void> {
  const request = { op: "promise", host: me.host, sid: me.sid, leaseMs };
  const answer = await env.net.ask(member, request, ANSWER_MS);
  const reply = parse(ctlReplySchema, answer, `the answer of ${member}`);
  if (!reply.ok) throw new Error(reply.message);
  const { forMs } = reply.result as { forMs?: number };
  const least = leastFenceMs({ leaseMs, clockDrift: policy.timing.clockDrift });
  if (!(Number(forMs) >= least))
    throw new Error(`${member} promises it for ${forMs} ms, not for ${least} ms`);
}
