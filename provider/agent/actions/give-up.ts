import { realMac } from "../../contract";
import { type Context, enter, type Subject } from "../context";
import { untriedHosts } from "../decide";
import { phaseWrites, sessionCompares } from "../ownership";
import { settle } from "../settle";

/** Lets another host take it, those of `mayReturn` in any case; when none is left that has not tried, it has failed. */
export async function giveUp(
  context: Context,
  subject: Subject,
  reason: string,
  mayReturn: string[] = [],
): Promise<string> {
  const { container } = subject;
  const owner = container.owner!.value;
  const tried = new Set([...owner.triedHosts, context.me.host]);
  const triedHosts = [...tried].filter((host) => !mayReturn.includes(host));
  const takers = untriedHosts(container, triedHosts);
  const phase = takers.length > 0 ? "STOPPED" : "FAILED";
  await end(context, subject, { phase, reason, triedHosts });
  const next = takers.length > 0 ? `${takers.join(" or ")} may take it` : "no host is left to try";
  return `${container.name} was given up by ${context.me.host}: ${reason}; ${next}`;
}

/** Stops it here, so that the host that an operator wants can take it. */
export async function yieldTo(
  context: Context,
  subject: Subject,
  { to, reason }: { to: string; reason: string },
): Promise<void> {
  await end(context, subject, { phase: "STOPPED", reason, failoverTo: to });
}

/** It runs here no more, and its record says so. */
export async function end(
  context: Context,
  { container, local }: Subject,
  change: { phase: "STOPPED" | "FAILED"; reason: string; triedHosts?: string[]; failoverTo?: string },
): Promise<void> {
  const { env, me } = context;
  await env.gate.leave(realMac(me.group, container.name));
  local.joined = false;
  await env.runtime.kill(container.name);
  if (local.state !== "absent") local.state = "exited";
  const txn = phaseWrites(me, container, change, env.clock.wall());
  const { committed } = await settle(
    env,
    { ...txn, compares: [...txn.compares, ...sessionCompares(me)] },
    context.signal,
  );
  // Only now: an engine that is slow or does not work must not delay what the record says of it.
  await env.runtime.remove(container.name);
  local.state = "absent";
  local.mac = null;
  enter(context, container.name, local, "ABSENT");
  // Its phase may have been committed just before: it is decided anew then.
  if (!committed) return;
  const kind = change.phase === "FAILED" ? "failed" : "give-up";
  env.log.event({
    kind,
    container: container.name,
    sentence: `${container.name} is ${change.phase}: ${change.reason}`,
  });
}
