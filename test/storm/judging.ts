import { setTimeout as sleep } from "node:timers/promises";
import { readGroupHistory } from "../faults/history";
import { groupStatus } from "../support/group";
import type { Chronicle } from "./chronicle";
import { type Findings, hear, judgeContainer, noFindings, see, type Watched } from "./container";
import { standstillOf } from "./look";
import { darkSentence, idleSentence } from "./report";
import { GROUP, type Stage } from "./stage";
import { watchShortage } from "./watch";

/** Looks at all containers all the time, and judges what was seen. */
export interface Judging {
  /** Judges what has not been judged yet, and tells all that was found. */
  end(): Promise<Findings>;
}

const STATUS_MS = 1_000;
const LOOK_MS = 250;
const JUDGE_MS = 5_000;
/** For what was captured to arrive. */
const LATE_MS = 1_000;

export async function startJudging(
  stage: Stage,
  containers: Watched[],
  { chronicle, progress }: { chronicle: Chronicle; progress: (line: string) => void },
): Promise<Judging> {
  const { lab, capture } = stage;
  const names = containers.map(({ placed }) => placed.name);
  const history = readGroupHistory(lab, { group: GROUP, containers: names });
  const ended = new AbortController();
  const all = noFindings();
  const shortage = watchShortage();
  /** Where each container runs, by a status that a majority agrees to. */
  let running = new Map<string, string>();

  const round = async (isLast: boolean) => {
    // What was seen before the history, so that it knows of every owner that answered and of each life that forgot.
    for (const one of containers) {
      one.answers.push(...capture.take(one.placed.address));
      one.losses.push(...one.watch.losses());
    }
    const now = Date.now();
    const changes = await history.next();
    for (const one of containers) {
      const found = judgeContainer(one, {
        changes: changes.get(one.placed.name)!,
        happened: chronicle.happened(),
        shortages: shortage.all(),
        ...{ now, isLast },
      });
      for (const sentence of sentencesOf(found)) progress(`BROKEN: ${sentence}`);
      for (const key of Object.keys(all) as (keyof Findings)[]) (all[key] as unknown[]).push(...found[key]);
    }
  };
  const listen = async () => {
    const status = await groupStatus(lab).catch(() => null);
    running = new Map();
    if (!status) return;
    const live = new Set(status.hosts.filter(({ state }) => state === "live").map(({ name }) => name));
    for (const { name, phase, primary, failure } of status.containers) {
      const one = containers.find(({ placed }) => placed.name === name);
      if (one) hear(one, `${phase} on ${primary}${failure ? ` (${failure})` : ""}`, Date.now());
      if (status.quorum && phase === "RUNNING" && live.has(primary!)) running.set(name, primary!);
    }
  };
  const looking = async () => {
    for (const one of containers) {
      const host = running.get(one.placed.name);
      see(one, host === undefined ? null : standstillOf(lab, host, one.placed.name), Date.now());
    }
  };

  await round(false);
  const loops = [
    repeat(STATUS_MS, listen, ended.signal),
    repeat(LOOK_MS, looking, ended.signal),
    repeat(JUDGE_MS, () => round(false), ended.signal),
  ];
  return {
    async end() {
      ended.abort();
      await Promise.all(loops);
      await sleep(LATE_MS);
      await round(true).catch(() => round(true));
      shortage.stop();
      return all;
    },
  };
}

/** One after the other until the signal; what could not be looked at now is looked at in the next one. */
async function repeat(pauseMs: number, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await work().catch(() => {});
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
  }
}

function sentencesOf({ overlaps, lost, dark, notExecuting }: Findings): string[] {
  return [...overlaps, ...lost, ...dark.map(darkSentence), ...notExecuting.map(idleSentence)];
}
