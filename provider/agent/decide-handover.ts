import { type MovePhases, specDigest } from "../contract";
import type { DecideInput, Decision } from "./decide";
import type { ContainerView } from "./view";

/** A handover that this incarnation of the agent began as its source. */
export interface Move {
  id: string;
  to: string;
  /** The target has the image, a prepared copy and a place for the memory. */
  ready: boolean;
  /** How it ended; null: it goes on. */
  outcome: MoveOutcome | null;
}

export type MoveOutcome = { ok: true; epoch: number; phases: MovePhases } | { ok: false; reason: string };

/** The target has this long from the change of ownership until it runs, unless it is suspected before. */
export const TAKE_BACK_MS = 1_000;

/**
 * before  the source owns and runs it: every failure ends with the source serving
 * after   the target owns it and restores: it runs, gives back, or the source takes back
 * void    the owner is another one, or began anew: the record means nothing
 */
export function handoverStage(container: ContainerView): "before" | "after" | "void" | null {
  const migration = container.migration?.value;
  const owner = container.owner?.value;
  if (!migration || !owner) return null;
  const { from, fromSid, to, toSid, epoch } = migration;
  if (owner.host === from && owner.sid === fromSid && owner.epoch === epoch && owner.phase === "RUNNING")
    return "before";
  if (owner.host === to && owner.sid === toSid && owner.epoch === epoch + 1 && owner.phase === "RESTORING")
    return "after";
  return "void";
}

/** What a handover asks of this host now; null: nothing, other decisions are free. */
export function decideHandover(input: DecideInput): Decision | null {
  const { container, me, lapsed } = input;
  const owner = container.owner?.value;
  if (!owner) return null;
  const owns = owner.host === me.host && owner.sid === me.sid;
  const migration = container.migration?.value;
  const stage = handoverStage(container);
  if (lapsed && (owns || stage !== "before")) return null;
  switch (stage) {
    case null:
      return owns && owner.phase === "RESUMING" ? decideResuming(input) : null;
    case "void":
      return owns ? { do: "roll-back", because: "its handover is void: the ownership changed" } : null;
    case "before":
      if (owns) return decideSource(input);
      return migration!.to === me.host && migration!.toSid === me.sid ? decideTarget(input) : null;
    case "after":
      return owns ? decideTaking(input) : migration!.from === me.host ? decideWaiting(input) : null;
  }
}

/** It was given back or taken back: the frozen copy here goes on, and nothing was lost. */
function decideResuming({ container, copy }: DecideInput): Decision {
  const { reason } = container.owner!.value;
  if (copy.state === "frozen") return { do: "resume", because: reason };
  return { do: "begin-again", cold: false, because: `its frozen copy is ${copy.state}: ${reason}` };
}

function decideSource({ container, copy }: DecideInput): Decision | null {
  const { id, to, reason } = container.migration!.value;
  const move = copy.move?.id === id ? copy.move : null;
  if (!move) return { do: "roll-back", because: `the agent that began its handover to ${to} has ended` };
  // While an action works on it this is not asked; whatever froze it, the handover has failed.
  if (move.outcome || copy.state === "frozen")
    return { do: "roll-back", because: `its handover to ${to} failed` };
  if (!move.ready || copy.state !== "running" || !copy.joined) return null;
  if (container.owner!.value.specDigest !== specDigest(container.spec!.value)) return null;
  if (copy.checkpointing || copy.probing > 0)
    return { do: "nothing", because: `moves to ${to} when the checkpoint or probe has ended` };
  return { do: "hand-over", because: reason };
}

function decideTarget({ container, copy, suspects, fence }: DecideInput): Decision | null {
  const { from } = container.migration!.value;
  if (suspects.has(from) || fence) return null;
  if (copy.state === "running" || copy.mac === "real") return null;
  return { do: "nothing", because: `it is being moved here from ${from}` };
}

function decideTaking({ container, copy }: DecideInput): Decision {
  const { id, from, reason } = container.migration!.value;
  if (copy.state === "held" && copy.heldFor === id) return { do: "take", because: reason };
  return { do: "give-back", because: `what was moved here from ${from} is not here any more` };
}

function decideWaiting({ container, copy, now, suspects }: DecideInput): Decision | null {
  const { id, to } = container.migration!.value;
  if (copy.state !== "frozen") return null;
  const since = copy.move?.id === id ? copy.handedOverAt : null;
  if (since !== null && now - since < TAKE_BACK_MS && !suspects.has(to))
    return { do: "nothing", because: `waits until ${to} runs it` };
  return { do: "take-back", because: `${to} does not run it` };
}
