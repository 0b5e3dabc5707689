import type { Context, Subject } from "../context";
import type { Decision } from "../decide";
import { begin } from "./begin";
import { listMembers } from "./failsafe";
import { checkpoint } from "./generations";
import { giveUp } from "./give-up";
import { handOver } from "./handover";
import { move } from "./handover-begin";
import { giveBack, release, take } from "./handover-target";
import { rollBack, takeBack } from "./handover-undo";
import { fetchNamed, scrub } from "./holding";
import { rejoin } from "./open";
import { assignStandbys, beginAgain, claim, evict, forget, forgetTries, remove, takeOver } from "./own";
import { resume } from "./resume";
import { discard, hold, prepare, warm } from "./standby";

/** Carries out a decision; returns what was done in one sentence. */
export async function act(context: Context, subject: Subject, decision: Decision): Promise<string> {
  switch (decision.do) {
    case "nothing":
      return decision.because;
    case "claim":
      return claim(context, subject);
    case "begin":
      return begin(context, subject);
    case "resume":
      return resume(context, subject);
    case "rejoin":
      return rejoin(context, subject);
    case "begin-again":
      return beginAgain(context, subject, decision);
    case "give-up":
      return giveUp(context, subject, decision.because);
    case "assign-standbys":
      return assignStandbys(context, subject, decision.hosts);
    case "list-members":
      return listMembers(context, subject, decision.members);
    case "forget-tries":
      return forgetTries(context, subject);
    case "checkpoint":
      return checkpoint(context, subject, decision.because);
    case "scrub":
      return scrub(context, subject, decision.because);
    case "fetch":
      return fetchNamed(context, subject, decision.because);
    case "evict":
      return evict(context, subject, decision.because);
    case "remove":
      return remove(context, subject, decision.because);
    case "forget":
      return forget(context, subject);
    case "prepare":
      return prepare(context, subject);
    case "hold":
      return hold(context, subject, decision.because);
    case "warm":
      return warm(context, subject, decision.because);
    case "discard":
      return discard(context, subject, decision.because);
    case "take-over":
      return takeOver(context, subject, decision.because);
    case "move":
      return move(context, subject, decision);
    case "hand-over":
      return handOver(context, subject, decision.because);
    case "roll-back":
      return rollBack(context, subject, decision.because);
    case "take":
      return take(context, subject);
    case "release":
      return release(context, subject);
    case "give-back":
      return giveBack(context, subject, decision.because);
    case "take-back":
      return takeBack(context, subject, decision.because);
  }
}
