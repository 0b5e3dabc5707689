import { realMac } from "../../contract";
import { type Context, enter, forgetCopy, type Subject } from "../context";
import { prospectsOf } from "../input";
import { phaseWrites, sessionCompares } from "../ownership";
import { settle } from "../settle";
import { untried, waitsFor } from "../waiting";

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
  const prospects = prospectsOf(context, container);
  const phase = untried(prospects, triedHosts).length > 0 ? "STOPPED" : "FAILED";
  const next = waitsFor(container, triedHosts, prospects);
  await end(context, subject, { phase, reason, triedHosts }, next);
  return `${container.name} was given up by ${context.me.host}: ${reason}; ${next}`;
}

/** Stops it here, so that the host that an operator wants can take it; what failed before does not count there. */
export async function yieldTo(
  context: Context,
  subject: Subject,
  { to, reason }: { to: string; reason: string },
): Promise<void> {
  await end(context, subject, { phase: "STOPPED", reason, failoverTo: to, triedHosts: [] });
}

/** It runs here no more, and its record says so. */
export async function end(
  context: Context,
  { container, local }: Subject,
  change: { phase: "STOPPED" | "FAILED"; reason: string; triedHosts?: string[]; failoverTo?: string },
  next?: string,
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
  // Its phase may have been committed just before: it is decided anew then.
  if (!committed) return;
  enter(context, container.name, local, "ABSENT");
  // Whoever takes it need not wait for the engine here.
  await clear(context, { container, local });
  const kind = change.phase === "FAILED" ? "failed" : "give-up";
  env.log.event({
    kind,
    container: container.name,
    sentence: `${container.name} is ${change.phase}: ${change.reason}${next ? `; ${next}` : ""}`,
  });
}

/** Takes down what was killed here. What its engine does not remove, as it does not work, is removed when it does. */
export async function clear(context: Context, { container, local }: Subject): Promise<void> {
  const { runtime, log } = context.env;
  try {
    await runtime.remove(container.name);
    forgetCopy(local);
  } catch (error) {
    local.state = "exited";
    log.warn(`${container.name}: its copy here is killed, not removed yet: ${(error as Error).message}`);
  }
}
