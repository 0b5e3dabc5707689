import { setTimeout as sleep } from "node:timers/promises";
import { emptyCommand } from "../faults/disks";
import { again, healHosts } from "../faults/heal";
import { insideRunning } from "../faults/inside";
import { keepJournals } from "../faults/journals";
import { untilAllLive } from "../faults/live";
import { isProtected, untilContainer } from "../support/group";
import { until } from "../support/until";
import { type Chronicle, startChronicle } from "./chronicle";
import { type Watched, watchContainer } from "./container";
import { startJudging } from "./judging";
import { repeatCommand, type StormOptions } from "./options";
import { planStorm, type StormPlan, type Trouble } from "./plan";
import { isBroken, type StormResult } from "./report";
import { containerNames, hostNames, openStage, type Stage } from "./stage";

type Progress = (line: string) => void;

const READY_LIMIT_MS = 120_000;
const CONVERGE_LIMIT_MS = 90_000;
const JOURNAL_LINES = 50_000;

/** The whole storm on hosts of its own: full protection, all troubles of the plan, healing, and the verdict. */
export async function runStorm(options: StormOptions, progress: Progress): Promise<StormResult> {
  const containers = containerNames(options.containers);
  const plan = planStorm({ ...options, hosts: hostNames(), containers });
  progress(`${plan.troubles.length} troubles in ${options.minutes} minutes by seed ${options.seed}`);
  const first = { intervalsMs: plan.intervalsMs, maintenance: null };
  const stage = await openStage({ containers, first }, progress);
  const watched = stage.containers.map(watchContainer);
  try {
    const result = await storm(stage, watched, { plan, options, progress });
    if (isBroken(result)) {
      const folder = await keepJournals(stage.lab, { run: `storm-${options.seed}`, lines: JOURNAL_LINES });
      progress(`journals: ${folder}`);
    }
    return result;
  } finally {
    await Promise.all(watched.map(({ watch }) => watch.stop()));
    await stage.end();
  }
}

async function storm(
  stage: Stage,
  watched: Watched[],
  { plan, options, progress }: { plan: StormPlan; options: StormOptions; progress: Progress },
): Promise<StormResult> {
  const unready = await whatIsMissing(stage, watched, READY_LIMIT_MS);
  if (unready.length > 0) throw new Error(`the containers were not ready for a storm: ${unready.join("; ")}`);
  for (const { watch } of watched) watch.silences();
  const chronicle = startChronicle(stage, progress);
  const judging = await startJudging(stage, watched, { chronicle, progress });
  const refused = await blow(plan, chronicle);
  progress("all troubles are over: healing");
  await heal(stage, chronicle, refused);
  const missing = await whatIsMissing(stage, watched, CONVERGE_LIMIT_MS);
  const { overlaps, lost, dark, notExecuting } = await judging.end();
  const counts = watched.map(({ count }) => count);
  const wrong = watched.flatMap(({ placed, watch }) =>
    watch.client.faults().map((fault) => `${placed.name}: ${fault}`),
  );
  const troubles = chronicle.counts();
  return {
    minutes: options.minutes,
    seed: options.seed,
    faults: Object.values(troubles).reduce((sum, { done }) => sum + done, 0),
    moves: counts.reduce((sum, { moves }) => sum + moves, 0),
    failovers: counts.reduce((sum, { failovers }) => sum + failovers, 0),
    overlaps: overlaps.length,
    lostAcknowledged: lost.length,
    darkTooLong: dark,
    longestDarkMs: Math.max(...counts.map(({ longestDarkMs }) => longestDarkMs)),
    notConverged: missing.length,
    notExecuting,
    wrongAnswers: wrong.length,
    why: [
      ...overlaps.map((sentence) => `overlap: ${sentence}`),
      ...lost.map((sentence) => `lost: ${sentence}`),
      ...wrong.map((sentence) => `wrong answer: ${sentence}`),
      ...missing.map((sentence) => `not converged: ${sentence}`),
    ],
    containers: counts,
    troubles,
    repeat: repeatCommand(options),
  };
}

/** Begins each trouble at its time, whatever still lasts; returns the programs whose run was refused. */
async function blow(plan: StormPlan, chronicle: Chronicle): Promise<Trouble[]> {
  const startedAt = performance.now();
  const refused: Trouble[] = [];
  const under = [];
  for (const { at, ...trouble } of plan.troubles) {
    await sleep(Math.max(0, at - (performance.now() - startedAt)));
    under.push(
      chronicle.carryOut(trouble).then((isDone) => {
        if (!isDone && trouble.kind === "up") refused.push(trouble);
      }),
    );
  }
  await Promise.all(under);
  return refused;
}

/** Ends whatever a trouble that broke off has left. A program that was refused meanwhile is run again, as its user does. */
async function heal({ lab }: Stage, chronicle: Chronicle, refused: Trouble[]): Promise<void> {
  await healHosts(lab);
  for (const { name } of lab.hosts)
    for (const disk of ["store", "etcd"] as const)
      await again(() => insideRunning(lab, name, emptyCommand(disk)));
  const last = refused.at(-1);
  if (last) await chronicle.carryOut(last);
}

/** What is not as declared within the limit, as sentences: hosts, protection of each container, answers to its client. */
async function whatIsMissing({ lab }: Stage, watched: Watched[], limitMs: number): Promise<string[]> {
  const deadline = performance.now() + limitMs;
  const left = () => Math.max(0, deadline - performance.now());
  const looks = [
    untilAllLive(lab, limitMs),
    ...watched.map(async ({ placed: { name }, watch: { client } }) => {
      await untilContainer(lab, name, { what: "full protection", limitMs, holds: isProtected });
      const before = client.acknowledged();
      await until(() => client.acknowledged() > before, `an acknowledgement of ${name}`, left() + 1_000);
    }),
  ];
  const results = await Promise.allSettled(looks);
  return results.flatMap((one) => (one.status === "rejected" ? [(one.reason as Error).message] : []));
}
