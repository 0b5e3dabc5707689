import { type Connection, type ContainerSpec, keysOf, realMac } from "../../contract";
import { type Context, enter, type Subject, unlessEnded } from "../context";
import type { Write } from "../env";
import { phaseWrites } from "../ownership";

const JOIN_RETRY_MS = 20;

/**
 * Commits phase RUNNING, and what belongs to it, with the renewal whose ack opens the gate. False: another owner is
 * recorded.
 */
export async function open(
  context: Context,
  { container, local }: Subject,
  reason: string,
  more: Write[] = [],
): Promise<boolean> {
  const mac = realMac(context.me.group, container.name);
  const change = phaseWrites(context.me, container, { phase: "RUNNING", reason }, context.env.clock.wall());
  const key = keysOf(context.me.group).owner(container.name);
  const written = change.writes[0] as { put: string; value: string };
  let join = { container: container.name, mac, ...change, writes: [...change.writes, ...more] };
  for (;;) {
    context.signal.throwIfAborted();
    // A lease process that no agent speaks to answers no join, and the next session waits for the end of this action.
    const outcome = await unlessEnded(context, context.env.gate.join(join));
    if (outcome.result === "committed") break;
    // Without a reply nothing is known, and this host may still be the owner: it goes on asking.
    const stored = outcome.result === "refused" ? await context.env.store.read().catch(() => null) : null;
    if (stored?.get(key)?.value === written.value) {
      // An attempt without a reply had committed the phase; only the gate is still to be opened.
      const compares = [{ key, value: written.value }];
      join = { container: container.name, mac, compares, writes: [] };
    } else if (stored && stored.get(key)?.modRevision !== container.owner!.rev) {
      return false;
    }
    await context.env.clock.sleep(JOIN_RETRY_MS, context.signal);
  }
  nowRunning(context, { container, local });
  local.runningSince = context.env.clock.now();
  local.unhealthy = null;
  return true;
}

/** The record says RUNNING and it is this host's, but the gate is not open: after a restart, a lapse, a repair. */
export async function rejoin(context: Context, subject: Subject): Promise<string> {
  const { name, spec } = subject.container;
  if (!(await reopen(context, subject))) return `${name}: the gate could not be opened again yet`;
  await tellNetwork(context, spec!.value);
  return `${name}: its gate is open again`;
}

/** Opens the gate while the owner record is the one that was read. False: not yet. */
export async function reopen(context: Context, { container, local }: Subject): Promise<boolean> {
  const joined = context.env.gate.join({
    container: container.name,
    mac: realMac(context.me.group, container.name),
    compares: [{ key: keysOf(context.me.group).owner(container.name), modRevision: container.owner!.rev }],
    writes: [],
  });
  const outcome = await unlessEnded(context, joined);
  if (outcome.result !== "committed") {
    await context.env.clock.sleep(JOIN_RETRY_MS, context.signal);
    return false;
  }
  nowRunning(context, { container, local });
  local.runningSince ??= context.env.clock.now();
  return true;
}

function nowRunning(context: Context, { container, local }: Subject): void {
  local.joined = true;
  enter(context, container.name, local, "RUNNING");
}

/** It serves already: whoever hears nothing of it finds out by himself, only later. */
export async function tellNetwork(
  context: Context,
  spec: ContainerSpec,
  connections: Connection[] = [],
): Promise<void> {
  const { runtime, log } = context.env;
  const mac = realMac(context.me.group, spec.name);
  try {
    // Clients first: they wait, and what is sent to them teaches the network the way as well.
    await Promise.all([runtime.tickle({ spec, mac, connections }), runtime.announce({ spec, mac })]);
  } catch (error) {
    log.warn(`${spec.name} serves, but the network could not be told of it: ${(error as Error).message}`);
  }
}
