import type { Lab } from "../lab/lab";
import type { Capture } from "./capture";
import { type History, readHistory } from "./history";
import { type Finding, firstJudgement, type Judgement, judge } from "./judge";
import { type Prober, startProber } from "./prober";

/** A container that is asked all the time, and what its answers and its records have shown so far. */
export interface Witness {
  name: string;
  address: string;
  prober: Prober;
  history: History;
  judgement: Judgement;
  /** What the looks of this run have found, and how many answers they judged. */
  findings: Finding[];
  answers: number;
}

/** Answers are this fresh where it serves. */
const FRESH_MS = 100;

export function observe(lab: Lab, o: { group: string; name: string; address: string }): Witness {
  const { group, name, address } = o;
  return {
    name,
    address,
    prober: startProber(address),
    history: readHistory(lab, { group, container: name }),
    judgement: firstJudgement(),
    findings: [],
    answers: 0,
  };
}

export function isServing({ prober }: Witness): boolean {
  return Date.now() - prober.lastAnswerAt() < FRESH_MS;
}

/** Takes the answers before it reads the history, so that the history knows of every owner that answered. */
export async function look(
  witness: Witness,
  { capture, mayStartCold }: { capture: Capture; mayStartCold: boolean },
): Promise<void> {
  const answers = capture.take(witness.address);
  witness.answers += answers.length;
  if (answers.length === 0) throw new Error(`nothing was captured from ${witness.address}`);
  const changes = await witness.history.next();
  witness.findings.push(...judge(witness.judgement, { answers, changes, mayStartCold }));
}
