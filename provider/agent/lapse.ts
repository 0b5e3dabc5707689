import { realMac } from "../contract";
import { type Context, count, enter, type Local } from "./context";
import type { LeaseEvent } from "./env";
import { askForPromises } from "./failsafe";

/** What the lease process tells. `lose` ends the session; `quorum`: the store answered last. */
export async function onLeaseEvent(
  session: Context,
  event: LeaseEvent,
  { lose, quorum }: { lose(why: string): void; quorum: boolean },
): Promise<void> {
  if (event.type === "tampered") {
    session.env.log.event({
      kind: "gate",
      sentence: `the gate's table was changed by somebody: ${event.detail}; ${event.repaired ? "repaired, closed" : "not repaired"}`,
    });
    for (const local of session.locals.values()) local.joined = false;
    session.gateBrokenAt = event.repaired ? null : session.env.clock.now();
    // safety: without a gate nothing cuts a container off when the lease ends.
    if (!event.repaired) await freezeAll(session, (local) => local.mac === "real");
    return session.wake();
  }
  if (event.sid !== session.me.sid) return;
  if (event.type === "asking")
    return askForPromises(session, event, quorum).catch((error: Error) => {
      if (!session.signal.aborted)
        session.env.log.warn(`the lease process was not told of promises: ${error.message}`);
    });
  if (event.type === "lost") return lose("the lease's renewal was refused");
  session.lapsed = event.type === "lapsed";
  if (session.lapsed) await lapse(session);
  else {
    session.gateBrokenAt = null;
    session.env.log.event({ kind: "lease", sentence: "the lease is renewed again" });
  }
  session.wake();
}

/** The kernel already drops; freezing stops time for the application until it is known who owns it. */
async function lapse(session: Context): Promise<void> {
  count(session, "lease_lapses_total");
  // What still begins is behind the closed gate, and would take a freeze for a failure.
  const frozen = await freezeAll(session, (local) => local.mac === "real" && local.standing !== "RESTORING");
  session.env.log.event({
    kind: "lease",
    sentence: `the lease was not renewed in time: ${frozen.join(", ") || "nothing"} is cut off and frozen`,
  });
}

async function freezeAll(session: Context, which: (local: Local) => boolean): Promise<string[]> {
  const isFreezable = ({ state }: Local) => state === "running" || state === "traced";
  const running = [...session.locals].filter(([, local]) => isFreezable(local) && which(local));
  await Promise.allSettled(
    running.map(async ([name, local]) => {
      local.joined = false;
      local.stalledSince ??= session.env.clock.wall();
      enter(session, name, local, "LAPSED");
      await session.env.runtime.freeze(name, "lapse");
      // It may have ended meanwhile, and nobody would be told again.
      if (isFreezable(local)) local.state = "frozen";
    }),
  );
  return running.map(([name]) => name);
}

/** Compares what the lease process says of the gate with what was asked for. */
export async function checkGate(session: Context): Promise<void> {
  const now = session.env.clock.now();
  const { open, lapsed, sid, leaseMs } = await session.env.gate.state();
  if (sid !== session.me.sid) {
    await session.env.gate.adopt({ sid: session.me.sid, record: session.me.record });
    return;
  }
  if (lapsed && !session.lapsed) {
    session.lapsed = true;
    await lapse(session);
  }
  session.lapsed = lapsed;
  // A lease that was renewed since could use its gate.
  const broken = session.gateBrokenAt !== null && now - session.gateBrokenAt <= leaseMs;
  if (!broken && !lapsed) session.gateBrokenAt = null;
  for (const [name, local] of session.locals) {
    if (local.joined && !open.includes(realMac(session.me.group, name))) local.joined = false;
  }
}
