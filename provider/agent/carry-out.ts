import { realMac } from "../contract";
import { act } from "./actions";
import { type Context, type Local, localOf, type Subject, track } from "./context";
import { observeCopy } from "./copies";
import { type Decision, decide } from "./decide";
import { decideInput, type Placing } from "./input";
import type { createProber } from "./prober";
import { tellFailure } from "./tell-failure";
import type { ContainerView } from "./view";

/** A container is not looked at again for so long after something failed with it, ms. */
const FAILED_PAUSE_MS = 500;

/** Decides what is to be done about a container now and begins it; where nothing is, it is asked whether it is well. */
export function consider(
  session: Context,
  container: ContainerView,
  { probe, placing }: { probe: ReturnType<typeof createProber>; placing: Placing },
): void {
  try {
    decideOn(session, container, { probe, placing });
  } catch (error) {
    tellFailure(session, container.name, "error", `nothing can be decided: ${(error as Error).message}`);
  }
}

function decideOn(
  session: Context,
  container: ContainerView,
  { probe, placing }: Parameters<typeof consider>[2],
): void {
  const local = localOf(session, container.name);
  const decision = decide(decideInput(session, container, placing));
  if (decision.do === "nothing") {
    if (isForgotten(session, container.name, local)) session.locals.delete(container.name);
    if (container.owner?.value.host === session.me.host) probe(container, local);
    return;
  }
  begin(session, { container, local }, decision);
}

/** etcd's leader may have died with the primary: what only prepares does not wait for the election. */
export function holdWithoutStore(session: Context): void {
  for (const container of session.view.containers.values()) {
    try {
      const decision = decide(decideInput(session, container));
      if (decision.do === "hold")
        begin(session, { container, local: localOf(session, container.name) }, decision);
    } catch (error) {
      tellFailure(session, container.name, "error", `nothing can be decided: ${(error as Error).message}`);
    }
  }
}

function begin(session: Context, subject: Subject, decision: Decision): void {
  const { container, local } = subject;
  if (!local.busy) {
    track(session, carryOut(session, subject, decision));
  } else if (decision.do === "evict" && local.joined) {
    // What another host owns now must not wait for a long action to end.
    track(session, closeAtOnce(session, container.name));
  }
}

async function carryOut(session: Context, subject: Subject, decision: Decision): Promise<void> {
  const { env, signal } = session;
  const { local, container } = subject;
  local.busy = decision.do;
  try {
    env.log.debug(await act(session, subject, decision));
  } catch (error) {
    if (signal.aborted) return;
    tellFailure(session, container.name, "error", `${decision.do} failed: ${(error as Error).message}`);
    await observeCopy(session, container.name);
    await env.clock.sleep(FAILED_PAUSE_MS, signal).catch(() => {});
  } finally {
    local.busy = null;
    session.wake();
  }
}

async function closeAtOnce(session: Context, container: string): Promise<void> {
  const { env, me } = session;
  localOf(session, container).joined = false;
  await Promise.allSettled([env.gate.leave(realMac(me.group, container)), env.runtime.kill(container)]);
}

/** Nothing of it is in the store or here any more. */
function isForgotten(session: Context, name: string, local: Local): boolean {
  return !session.view.containers.has(name) && local.state === "absent" && !local.busy;
}
