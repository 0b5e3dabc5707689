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
export async function askForPromises(context: Context, asking: Asking, quorum: boolean): Promise<void> {
  const { sid, attempt, macs, leaseMs } = asking;
  let why: string | null = null;
  try {
    const members = membersBehind(context, macs);
    const refusals = await Promise.all(members.map((member) => refusalOf(context, member, leaseMs)));
    why = refusals.filter((refusal) => refusal !== null).join("; ") || null;
  } catch (error) {
    why = (error as Error).message;
  }
  if (context.signal.aborted) return;
  await context.env.gate.vouch({ sid, attempt, promised: why === null });
  // A store that is only slow is no matter for people.
  if (!quorum)
    tell(
      context,
      why === null
        ? "without the store, what it owns is served on: every host that could take it promises not to"
        : `without the store, what it owns cannot be served on: ${why}`,
    );
}

/** Once, until the store answers or something else is to be told. */
function tell(context: Context, sentence: string): void {
  if (context.standIn === sentence) return;
  context.standIn = sentence;
  context.env.log.event({ kind: "failsafe", sentence });
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

/** Asks one member; null: it promised. */
async function refusalOf(
  { env, me, policy }: Context,
  member: string,
  leaseMs: number,
): Promise<string | null> {
  const request = { op: "promise", host: me.host, sid: me.sid, leaseMs };
  try {
    const answer = await env.net.ask(member, request, ANSWER_MS);
    const reply = parse(ctlReplySchema, answer, `the answer of ${member}`);
    if (!reply.ok) return `${member}: ${reply.message}`;
    const { forMs } = reply.result as { forMs?: number };
    const least = leastFenceMs({ leaseMs, clockDrift: policy.timing.clockDrift });
    return Number(forMs) >= least ? null : `${member}: its promise is for ${forMs} ms, not for ${least} ms`;
  } catch (error) {
    return (error as Error).message;
  }
}
