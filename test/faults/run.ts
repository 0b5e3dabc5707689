import { setTimeout as sleep } from "node:timers/promises";
import { isProtected, untilContainer } from "../support/group";
import { until } from "../support/until";
import { again, healHosts } from "./heal";
import { untilAllLive } from "./live";
import type { RunResult } from "./report";
import { type Fault, openScene, type Scene } from "./scene";
import { type Stage, SUBJECT } from "./stage";
import { isServing, look, type Witness } from "./witness";

const READY_LIMIT_MS = 60_000;
const SERVE_LIMIT_MS = 30_000;
const CONVERGE_LIMIT_MS = 90_000;
const LASTS_MS = 2500;

/** One run: full protection, the faults one after the other, healing, full protection again, and the verdict. */
export async function runFaults(stage: Stage, faults: Fault[], pausesMs: number[]): Promise<RunResult> {
  const startedAt = Date.now();
  const scene = await openScene(stage, READY_LIMIT_MS);
  await checkpointed(stage, READY_LIMIT_MS);
  const { subject, capture } = stage;
  Object.assign(subject, { findings: [], answers: 0 });
  await look(subject, { capture, mayStartCold: false });
  subject.prober.longestGap();
  const before = subject.judgement.epoch;
  const mayStartCold = faults.some((fault) => fault.mayStartCold);
  let notConverged: string | null = null;
  const notInjected: string[] = [];
  try {
    for (const [index, fault] of faults.entries()) {
      if (index > 0) await sleep(pausesMs[index - 1]);
      // What came before may have left nothing to inject the next fault into.
      await fault.inject(scene).catch((error: Error) => {
        if (index === 0) throw error;
        notInjected.push(`${fault.name}: ${error.message}`);
      });
    }
    await sleep(Math.max(...faults.map(({ lastsMs }) => lastsMs ?? LASTS_MS)));
    // Several faults together may take the majority.
    if (faults.length === 1 && faults[0]!.serves === "during")
      await until(
        () => witnessesOf(stage).every(isServing),
        "an answer while the fault lasts",
        SERVE_LIMIT_MS,
      );
  } catch (error) {
    notConverged = (error as Error).message;
  }
  const gapMs = subject.prober.longestGap();
  const witnesses = witnessesOf(stage);
  try {
    await heal(scene, faults);
    await converge(stage);
    for (const witness of witnesses) await look(witness, { capture, mayStartCold });
    await stage.dismiss();
  } catch (error) {
    notConverged ??= (error as Error).message;
  }
  return {
    faults: faults.map(({ name }) => name),
    findings: witnesses.flatMap(({ findings }) => findings),
    notConverged,
    notInjected,
    gapMs: Math.max(gapMs, subject.prober.longestGap()),
    answers: witnesses.reduce((sum, { answers }) => sum + answers, 0),
    newEpochs: (subject.judgement.epoch ?? 0) - (before ?? 0),
    seconds: (Date.now() - startedAt) / 1000,
  };
}

function witnessesOf({ subject, guest }: Stage): Witness[] {
  return guest ? [subject, guest] : [subject];
}

async function heal(scene: Scene, faults: Fault[]): Promise<void> {
  await healHosts(scene.stage.lab);
  // The last first: what an earlier one left may be reached only when a later one is gone.
  for (const fault of faults.toReversed()) await again(async () => fault.heal?.(scene));
}

/** One host serves, a standby holds what is committed, all hosts are live, and a new generation can be committed. */
async function converge(stage: Stage): Promise<void> {
  const deadline = Date.now() + CONVERGE_LIMIT_MS;
  for (const { name } of witnessesOf(stage)) {
    await untilContainer(stage.lab, name, {
      what: "full protection after the faults",
      limitMs: CONVERGE_LIMIT_MS,
      holds: isProtected,
    });
  }
  await untilAllLive(stage.lab, deadline - Date.now());
  await until(() => witnessesOf(stage).every(isServing), "answers after the faults", deadline - Date.now());
  await checkpointed(stage, deadline - Date.now());
}

async function checkpointed(stage: Stage, limitMs: number): Promise<void> {
  const command = `container-ha checkpoint ${SUBJECT}`;
  const host = stage.lab.hosts[0]!.name;
  const committed = () => stage.lab.tryExec(host, command).then(({ code }) => code === 0);
  await until(() => committed().catch(() => false), "a committed checkpoint", limitMs);
}
