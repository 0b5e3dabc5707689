import { ctlReplySchema, keysOf, type Owner, parse } from "../../contract";
import { yieldTo } from "../actions/give-up";
import { type Context, localOf, track } from "../context";
import { freshView, Refusal } from "../control/support";
import { isLiveMember } from "../input";
import { sessionCompares } from "../ownership";
import { settle } from "../settle";
import { type ContainerView, type GroupView, usableGeneration } from "../view";
import { chooseTarget } from "./target";

export interface FailoverRequest {
  name: string;
  to?: string;
  dryRun: boolean;
}

/** An action under way on the owner may end within this. */
const IDLE_LIMIT_MS = 30_000;
/** The target has to serve within this. */
const SERVE_LIMIT_MS = 120_000;
const POLL_MS = 50;

/** Lets another host go on with a container from its last generation because an operator says so. */
export async function failover(context: Context, request: FailoverRequest): Promise<unknown> {
  const view = await freshView(context);
  const { container, owner } = known(context, view, request.name);
  refuseUnproved(context, view, owner, request.name);
  const target = chooseTarget(context, container, request.to);
  if ("refusal" in target) throw new Refusal("refused", target.refusal);
  const to = target.host;
  if (request.dryRun) return { will: whatItDoes(context, container, { to, serves: serves(view, owner) }) };
  if (serves(view, owner) && owner.host !== context.me.host)
    return askOwner(context, owner.host, { ...request, to });
  const reason = `an operator wants it on ${to}`;
  if (serves(view, owner)) await stopHere(context, request.name, { to, reason });
  else await point(context, view, container, { to, reason });
  context.env.log.event({
    kind: "operator",
    container: request.name,
    sentence: `${request.name}: ${reason}`,
  });
  context.wake();
  return untilServed(context, request.name, { from: owner.host, to });
}

function known(context: Context, view: GroupView, name: string): { container: ContainerView; owner: Owner } {
  const container = view.containers.get(name);
  const owner = container?.owner?.value;
  if (!container?.spec || !owner)
    throw new Refusal("not-found", `container ${name} is not protected in group ${context.me.group}`);
  if (container.unreadable)
    throw new Refusal(
      "refused",
      `${name} has a record that this agent's version cannot read: finish the upgrade`,
    );
  if (container.migration) throw new Refusal("refused", `${name} is being moved just now; try again`);
  return { container, owner };
}

/** Its owner's session stands, and it has not given the container up. */
function serves(view: GroupView, owner: Owner): boolean {
  return !isFenced(view, owner) && owner.phase !== "STOPPED" && owner.phase !== "FAILED";
}

function isFenced(view: GroupView, owner: Owner): boolean {
  return view.hosts.get(owner.host)?.fences.has(owner.sid) ?? false;
}

/** Whoever may still serve is asked to stop, or fenced first. */
function refuseUnproved(context: Context, view: GroupView, owner: Owner, name: string): void {
  if (!serves(view, owner)) return;
  if (!isLiveMember(context, owner.host))
    throw new Refusal(
      "refused",
      `${owner.host}, which owns ${name}, does not renew its lease, but may still run it: fence it first with "container-ha fence ${owner.host}"`,
    );
  if (owner.phase !== "RUNNING")
    throw new Refusal("refused", `${name} is ${owner.phase} on ${owner.host}: ${owner.reason}; try again`);
}

async function askOwner(context: Context, host: string, request: FailoverRequest): Promise<unknown> {
  let answer: unknown;
  try {
    answer = await context.env.net.ask(host, { op: "failover", ...request }, IDLE_LIMIT_MS + SERVE_LIMIT_MS);
  } catch (error) {
    throw new Refusal(
      "failed",
      `${host}, which owns ${request.name}, was asked to give it up: ${(error as Error).message}; look with "container-ha status", and fence it if it is broken`,
    );
  }
  const reply = parse(ctlReplySchema, answer, `the answer of ${host}`);
  if (!reply.ok) throw new Refusal(reply.code, reply.message);
  return reply.result;
}

/** This host owns it: stop it, then let the target take it. */
async function stopHere(context: Context, name: string, o: { to: string; reason: string }): Promise<void> {
  const local = localOf(context, name);
  const deadline = context.env.clock.now() + IDLE_LIMIT_MS;
  while (local.busy || local.probing > 0) {
    if (context.env.clock.now() > deadline)
      throw new Refusal("refused", `${name} is busy (${local.busy ?? "probe"}); try again`);
    await context.env.clock.sleep(POLL_MS, context.signal);
  }
  local.busy = "failover";
  const stopping = (async () => {
    const container = (await freshView(context)).containers.get(name);
    const owner = container?.owner?.value;
    if (!container || owner?.sid !== context.me.sid || owner.phase !== "RUNNING")
      throw new Refusal("conflict", `${name} changed meanwhile; try again`);
    await yieldTo(context, { container, local }, o);
    context.wake();
    // A cycle that read the record before would take the missing copy for a crash.
    while (context.view.containers.get(name)?.owner?.rev === container.owner!.rev) {
      context.signal.throwIfAborted();
      await context.env.clock.sleep(POLL_MS, context.signal);
    }
  })().finally(() => {
    local.busy = null;
  });
  track(context, stopping);
  await stopping;
}

/** Nobody runs it: the record says who is to take it. */
async function point(
  context: Context,
  view: GroupView,
  container: ContainerView,
  { to, reason }: { to: string; reason: string },
): Promise<void> {
  const keys = keysOf(context.me.group);
  const before = container.owner!;
  const { host, sid, phase } = before.value;
  const fence = view.hosts.get(host)?.fences.get(sid);
  const owner: Owner = {
    ...before.value,
    phase: phase === "FAILED" ? "STOPPED" : phase,
    triedHosts: [],
    failoverTo: to,
    reason,
  };
  const { committed } = await settle(
    context.env,
    {
      compares: [
        { key: keys.owner(container.name), modRevision: before.rev },
        { key: keys.fence(host, sid), modRevision: fence?.rev ?? 0 },
        ...sessionCompares(context.me),
      ],
      writes: [{ put: keys.owner(container.name), value: JSON.stringify(owner) }],
    },
    context.signal,
  );
  if (!committed) throw new Refusal("conflict", `${container.name} changed meanwhile; try again`);
}

async function untilServed(
  context: Context,
  name: string,
  { from, to }: { from: string; to: string },
): Promise<unknown> {
  const deadline = context.env.clock.now() + SERVE_LIMIT_MS;
  for (;;) {
    const owner = (await freshView(context)).containers.get(name)?.owner?.value;
    if (owner?.phase === "RUNNING" && owner.failoverTo === undefined)
      return { name, from, to: owner.host, epoch: owner.epoch };
    if (!owner || owner.phase === "FAILED")
      throw new Refusal("failed", `${name} has failed: ${owner?.reason ?? "it was removed meanwhile"}`);
    if (context.env.clock.now() > deadline)
      throw new Refusal(
        "failed",
        `${name} is ${owner.phase} on ${owner.host}, not served by ${to} after ${SERVE_LIMIT_MS / 1000} s: ${owner.reason}`,
      );
    await context.env.clock.sleep(POLL_MS, context.signal);
  }
}

function whatItDoes(
  context: Context,
  container: ContainerView,
  { to, serves: runs }: { to: string; serves: boolean },
): string {
  const { name } = container;
  const owner = container.owner!.value;
  const named = usableGeneration(container) ? container.generation!.value : null;
  const age = named ? Math.round((Date.parse(context.env.clock.wall()) - Date.parse(named.at)) / 1000) : 0;
  const from = named
    ? `from its generation ${named.epoch}-${named.gen}, which is ${age} s old; what it did since is lost`
    : "cold, as it has no generation: what is in its memory is lost";
  const first = runs
    ? `stops ${name} on ${owner.host}, where it is ${owner.phase}`
    : `lets ${name} begin again, which ${owner.host} does not run any more (${owner.reason})`;
  return `This ${first}. Then ${to} goes on with it ${from}, and the connections of its clients end.`;
}
