import { ctlReplySchema, keysOf, type Owner, parse } from "../../contract";
import { TRANSFER_LIMIT_MS } from "../actions/generations";
import { yieldTo } from "../actions/give-up";
import { holdNamed } from "../actions/holding";
import { type Context, localOf, track } from "../context";
import { freshView, Refusal } from "../control/support";
import { isLiveMember, prospectsOf } from "../input";
import { sessionCompares } from "../ownership";
import { settle } from "../settle";
import { type ContainerView, type GroupView, usableGeneration } from "../view";
import { untried, waitsFor } from "../waiting";
import { chooseTarget, holds } from "./target";

export interface FailoverRequest {
  name: string;
  to?: string;
  dryRun: boolean;
}

/** An action under way on the owner may end within this. */
const IDLE_LIMIT_MS = 30_000;
/** The target has to serve within this. */
const SERVE_LIMIT_MS = 120_000;
/** A target that fetches the generation and says nothing for so long is given up. */
const SILENCE_MS = 10_000;
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
  const fetched = await bring(context, container, to);
  if (serves(view, owner)) await stopHere(context, request.name, { to, reason });
  else await point(context, view, container, { to, reason });
  context.env.log.event({
    kind: "operator",
    container: request.name,
    sentence: `${request.name}: ${reason}`,
  });
  context.wake();
  const served = await untilServed(context, request.name, { from: owner.host, to });
  return { ...served, ...(fetched ? { fetched } : {}) };
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
    const limitMs = TRANSFER_LIMIT_MS + IDLE_LIMIT_MS + SERVE_LIMIT_MS;
    answer = await context.env.net.ask(host, { op: "failover", ...request }, limitMs);
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

/**
 * A target that does not hold the generation gets it first, while the container goes on where it is; what is committed
 * meanwhile it fetches when it takes the container. Says how it went; null: it holds it.
 */
async function bring(context: Context, container: ContainerView, to: string): Promise<string | null> {
  if (holds(container, to)) return null;
  const { env, me } = context;
  const { name } = container;
  const { epoch, gen, bytes, holders } = container.generation!.value;
  const what = `generation ${epoch}-${gen} (${Math.round(bytes / 1e5) / 10} MB)`;
  const startedAt = env.clock.now();
  env.log.event({
    kind: "operator",
    container: name,
    sentence: `${name}: ${to} fetches its ${what} from ${holders.join(" or ")}, as an operator wants it there`,
  });
  try {
    if (to === me.host) await holdNamed(context, name);
    else await askToFetch(context, to, name);
  } catch (error) {
    throw new Refusal(
      "failed",
      `${to} could not fetch ${what} of ${name}, which stays as it is: ${(error as Error).message}`,
    );
  }
  return `${to} fetched its ${what} first, in ${Math.round(env.clock.now() - startedAt)} ms`;
}

async function askToFetch(context: Context, to: string, name: string): Promise<void> {
  const answer = await context.env.net.ask(to, { op: "fetch", name }, TRANSFER_LIMIT_MS, SILENCE_MS);
  const reply = parse(ctlReplySchema, answer, `the answer of ${to}`);
  if (!reply.ok) throw new Error(reply.message);
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
    tries: 0,
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

interface Served {
  name: string;
  from: string;
  to: string;
  epoch: number;
}

/** Ends when it is known how it went, which may be long before the limit. */
async function untilServed(
  context: Context,
  name: string,
  { from, to }: { from: string; to: string },
): Promise<Served> {
  const deadline = context.env.clock.now() + SERVE_LIMIT_MS;
  let refusal: string | null = null;
  for (;;) {
    const container = (await freshView(context)).containers.get(name);
    const owner = container?.owner?.value;
    if (!container?.spec || !owner) throw new Refusal("failed", `${name} was removed meanwhile`);
    const isBegun = owner.failoverTo === undefined;
    if (isBegun && owner.phase === "STOPPED" && owner.host === to) refusal = owner.reason;
    if (isBegun && owner.phase === "RUNNING") {
      if (owner.host === to) return { name, from, to, epoch: owner.epoch };
      const why = `${to} did not go on with ${name}: ${refusal ?? owner.reason}`;
      throw new Refusal("failed", `${why}; ${owner.host} serves it at epoch ${owner.epoch}`);
    }
    if (owner.phase === "FAILED") throw new Refusal("failed", `${name} has failed: ${owner.reason}`);
    const prospects = prospectsOf(context, container);
    const left = untried(prospects, owner.triedHosts).filter((host) => prospects.candidates.includes(host));
    const isLate = context.env.clock.now() > deadline;
    if (isLate || (refusal && left.length === 0)) {
      const where = isLate ? `not served by ${to} after ${SERVE_LIMIT_MS / 1000} s` : `not served by ${to}`;
      const next = owner.phase === "STOPPED" ? `; ${waitsFor(container, owner.triedHosts, prospects)}` : "";
      throw new Refusal(
        "failed",
        `${name} is ${owner.phase} on ${owner.host}, ${where}: ${owner.reason}${next}`,
      );
    }
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
  const fetches = holds(container, to) ? "" : `${to} fetches its generation first. `;
  return `${fetches}This ${first}. Then ${to} goes on with it ${from}, and the connections of its clients end.`;
}
