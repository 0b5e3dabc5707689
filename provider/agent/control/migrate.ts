import { type CtlRequest, ctlReplySchema, type Moved, movedSchema, parse } from "../../contract";
import { beginHandover } from "../actions/handover-begin";
import { type Context, localOf } from "../context";
import type { MoveOutcome } from "../decide-handover";
import { engineFault } from "../engines";
import { candidatesFor, fitsOn, isLiveMember, placementInput } from "../input";
import type { ContainerView } from "../view";
import { freshView, POLL_MS, Refusal } from "./support";

/** Pulling an image on the target included. */
const MIGRATE_LIMIT_MS = 240_000;

/** Moves a container live and tells how it went; forwarded to the owner. */
export async function migrate(
  context: Context,
  { name, to, because = "an operator asked for it" }: Extract<CtlRequest, { op: "migrate" }>,
): Promise<Moved> {
  const container = (await freshView(context)).containers.get(name);
  const owner = container?.owner?.value;
  if (!container?.spec || !owner)
    throw new Refusal("not-found", `container ${name} is not protected in group ${context.me.group}`);
  refuseTarget(context, container, to);
  if (owner.host !== context.me.host) {
    const answer = await context.env.net.ask(
      owner.host,
      { op: "migrate", name, to, because },
      MIGRATE_LIMIT_MS,
    );
    const reply = parse(ctlReplySchema, answer, `the answer of ${owner.host}`);
    if (reply.ok) return parse(movedSchema, reply.result, `the answer of ${owner.host}`);
    throw new Refusal(reply.code, reply.message);
  }
  if (!(await beginHandover(context, container, { to, because })))
    throw new Refusal("conflict", `${name} was changed by somebody else meanwhile; try again`);
  const outcome = await outcomeOf(context, name);
  if (!outcome.ok)
    throw new Refusal(
      "failed",
      `${name} was not moved to ${to}, ${context.me.host} serves it: ${outcome.reason}`,
    );
  return { name, from: context.me.host, to, epoch: outcome.epoch, phases: outcome.phases };
}

/** Why the container cannot move there; throws before anything is touched. */
export function refuseTarget(context: Context, container: ContainerView, to: string): void {
  const { name } = container;
  const owner = container.owner!.value;
  const host = context.policy.hosts.find((one) => one.name === to);
  const members = context.policy.hosts.filter((one) => one.role === "member").map((one) => one.name);
  if (!host)
    throw new Refusal(
      "invalid",
      `host ${to} is not in group ${context.me.group}; its members: ${members.join(", ")}`,
    );
  if (host.role === "witness")
    throw new Refusal("invalid", `${to} is a witness and runs no containers; members: ${members.join(", ")}`);
  if (owner.phase !== "RUNNING")
    throw new Refusal("refused", `${name} is ${owner.phase}, not RUNNING: ${owner.reason}`);
  if (owner.host === to) throw new Refusal("invalid", `${name} runs on ${to} already`);
  if (container.migration)
    throw new Refusal(
      "conflict",
      `${name} is being moved to ${container.migration.value.to} now; wait until that ends`,
    );
  if (!isLiveMember(context, to))
    throw new Refusal(
      "refused",
      `${to} is not live (dead, fenced or without its agent), so ${name} cannot move there`,
    );
  if (!isLiveMember(context, owner.host))
    throw new Refusal(
      "refused",
      `${owner.host}, which runs ${name}, is not live: a failover is due, not a move`,
    );
  if (host.maintenance) throw new Refusal("refused", `${to} is in maintenance and takes no containers`);
  if (!candidatesFor(container, placementInput(context, context.view)).includes(to))
    throw new Refusal("refused", `${name} may not run on ${to}: a required rule keeps it from there`);
  const disabled = engineFault(context, to, container.spec!.value.workload.engine);
  if (disabled !== null) throw new Refusal("refused", `${name} cannot move to ${to}: ${disabled}`);
  if (!fitsOn(context, container, to)) {
    const needs = Math.ceil((container.generation?.value.bytes ?? 0) / 1e6);
    const free = context.view.hosts.get(to)?.info?.memoryMb ?? 0;
    throw new Refusal("refused", `${to} is full: ${name} needs ${needs} MB, ${free} MB are free there`);
  }
}

async function outcomeOf(context: Context, name: string): Promise<MoveOutcome> {
  const deadline = context.env.clock.now() + MIGRATE_LIMIT_MS;
  const { move } = localOf(context, name);
  while (!move?.outcome) {
    if (context.env.clock.now() > deadline)
      throw new Refusal("failed", `the move of ${name} has not ended after ${MIGRATE_LIMIT_MS / 1000} s`);
    await context.env.clock.sleep(POLL_MS / 5, context.signal);
    context.signal.throwIfAborted();
  }
  return move.outcome;
}
