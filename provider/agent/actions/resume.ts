import type { Context, Subject } from "../context";
import { open, reopen, tellNetwork } from "./open";

/**
 * The record says that this host owns it and no handover is left that could change that: its gate is opened, then what
 * froze it is over. In this order, so that nothing it says first is dropped.
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
  await context.env.runtime.thaw(name, "lapse");
  await context.env.runtime.thaw(name, "handover");
  // It may have ended meanwhile.
  if (local.state === "frozen") local.state = "running";
  await tellNetwork(context, container.spec!.value);
  return `${name} goes on: its gate is open again`;
}
