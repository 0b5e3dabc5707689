import { realMac } from "../contract";
import { type Context, enter, forgetCopy, localOf } from "./context";

/** What an earlier agent left here. */
export async function adoptCopies(session: Context): Promise<void> {
  for (const copy of await session.env.runtime.list()) await observeCopy(session, copy.container);
}

/** Brings what is known of a copy in line with what is there. */
export async function observeCopy(session: Context, name: string): Promise<void> {
  const copy = await session.env.runtime.inspect(name).catch(() => null);
  if (!copy) return;
  const local = localOf(session, name);
  local.state = copy.state;
  local.detail = copy.detail;
  const waits = copy.state === "held" || copy.state === "frozen" || copy.state === "traced";
  local.stalledSince = waits ? (local.stalledSince ?? session.env.clock.wall()) : null;
  local.mac = copy.mac === null ? null : copy.mac === realMac(session.me.group, name) ? "real" : "parked";
  if (copy.state === "prepared") enter(session, name, local, "PREPARED");
  if (copy.state === "absent") {
    forgetCopy(local);
    enter(session, name, local, "ABSENT");
  }
  if (copy.state !== "held" && copy.state !== "warm") Object.assign(local, { held: null, warmMb: null });
  if (copy.state !== "held") local.heldFor = null;
}
