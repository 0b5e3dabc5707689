import { table } from "../../provider/agent/cli/table";
import { clockTime } from "../faults/judge";
import type { Kind } from "./plan";

/** Nobody was served for longer than what was done allows; or a container that is RUNNING did not execute. */
export interface TooLong {
  container: string;
  /** Unix ms. */
  from: number;
  ms: number;
  boundMs: number;
  /** What the bound follows from. */
  reasons: string[];
  /** What the container's status said meanwhile. */
  status: string[];
}

/** Of one container. */
export interface Count {
  container: string;
  acknowledged: number;
  moves: number;
  failovers: number;
  generations: number;
  longestDarkMs: number;
}

export interface StormResult {
  minutes: number;
  seed: number;
  /** Troubles that were carried out. */
  faults: number;
  moves: number;
  failovers: number;
  overlaps: number;
  lostAcknowledged: number;
  darkTooLong: TooLong[];
  longestDarkMs: number;
  /** Containers, and hosts, that were not as declared in time after everything had ended. */
  notConverged: number;
  /** RUNNING by the status, but frozen or in a ptrace stop for too long. */
  notExecuting: TooLong[];
  /** Answers that can never be right. */
  wrongAnswers: number;
  /** Each overlap, loss, wrong answer and what did not converge, as a sentence. */
  why: string[];
  containers: Count[];
  /** Troubles by kind: carried out, and refused. */
  troubles: Partial<Record<Kind, { done: number; refused: number }>>;
  repeat: string;
}

export function isBroken(result: StormResult): boolean {
  const { overlaps, lostAcknowledged, wrongAnswers, notConverged, darkTooLong, notExecuting } = result;
  return (
    overlaps + lostAcknowledged + wrongAnswers + notConverged + darkTooLong.length + notExecuting.length > 0
  );
}

/** Everything that is broken, as sentences. */
export function brokenSentences({ why, darkTooLong, notExecuting }: StormResult): string[] {
  return [...why, ...darkTooLong.map(darkSentence), ...notExecuting.map(idleSentence)];
}

export function darkSentence(one: TooLong): string {
  return sentenceOf(one, "nobody was served");
}

export function idleSentence(one: TooLong): string {
  return sentenceOf(one, "it was RUNNING and did not execute");
}

function sentenceOf({ container, from, ms, boundMs, reasons, status }: TooLong, what: string): string {
  const because = reasons.length > 0 ? reasons.join(", ") : "nothing was done to it";
  const said = status.length > 0 ? `; its status said ${status.join(", then ")}` : "";
  return `${container}: ${what} for ${ms} ms from ${clockTime(from)} on, ${boundMs} ms are allowed (${because})${said}`;
}

/** For people. */
export function textOf(result: StormResult): string {
  const containers = table(
    ["CONTAINER", "ACKNOWLEDGED", "GENERATIONS", "MOVES", "FAILOVERS", "LONGEST DARK"],
    result.containers.map((one) => [
      ...[one.container, one.acknowledged, one.generations, one.moves, one.failovers].map(String),
      `${one.longestDarkMs} ms`,
    ]),
  );
  const troubles = table(
    ["TROUBLE", "DONE", "NOT DONE"],
    Object.entries(result.troubles).map(([kind, { done, refused }]) => [kind, String(done), String(refused)]),
  );
  const { minutes, faults, moves, failovers, overlaps, lostAcknowledged, notConverged } = result;
  const total =
    `${minutes} minutes, ${faults} faults, ${moves} moves, ${failovers} failovers: ${overlaps} overlaps, ` +
    `${lostAcknowledged} lost acknowledged, ${result.wrongAnswers} wrong answers, ${result.darkTooLong.length} dark too long ` +
    `(longest ${result.longestDarkMs} ms), ${result.notExecuting.length} not executing, ${notConverged} not converged.`;
  const broken = brokenSentences(result).map((sentence) => `- ${sentence}\n`);
  return `${containers}\n${troubles}\n${broken.join("")}${total}\nThe same again: ${result.repeat}\n`;
}
