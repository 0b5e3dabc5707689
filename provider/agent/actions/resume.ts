import type { Context, Subject } from "../context";
import { open, reopen, tellNetwork } from "./open";

/**
 * The record says that this host owns it and no handover is left that could change that: its gate is opened, then what
 * froze it is over, and nothing else is done with it now that could be a reason. In this order, so that nothing it says
 * first is dropped.
 */
export async function resume(context: Context, subject: Subject): Promise<string> {
  const { container, local } = subject;
  const { name } = container;
  const { phase, reason } = container.owner!.value;
  const opened =
    phase === "RESUMING"
      ? await open(context, subject, `goes on where it was: ${reason}`)
      : await reopen(context, subject);
  if (!opened) return `${name}: its gate could not be opened again yet; it stays frozen`;
  for (const reason of ["lapse", "handover", "dump"] as const) await context.env.runtime.thaw(name, reason);
  // It may have ended meanwhile.
  if (local.state === "frozen") local.state = "running";
  local.stalledSince = null;
  await tellNetwork(context, container.spec!.value);
  return `${name} goes on: its gate is open again`;
}
