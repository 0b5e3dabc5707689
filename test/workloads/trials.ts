import { engineName } from "../../provider/contract";
import type { Lab } from "../lab/lab";
import { containerStatus, isProtected, untilContainer } from "../support/group";
import { until } from "../support/until";
import type { Subject } from "./fleet";

const ANSWER_MS = 30_000;
const PROTECTED_MS = 120_000;
/** The host that is asked for the status may learn of a commit after the one that made it. */
const STATUS_MS = 5_000;
/** How much work has to be acknowledged before and after each event. */
const SOME_WORK = 5;

/** What went wrong with a program, as sentences; empty: nothing. */
export type Findings = string[];

/** Checkpoints one after the other while it works: its session goes on, and each generation is a new one. */
export async function checkpointed(lab: Lab, subject: Subject, times: number): Promise<Findings> {
  const before = await containerStatus(lab, subject.name);
  return undisturbed(subject, async () => {
    for (let time = 1; time <= times; time += 1) {
      await lab.exec(before.primary!, `container-ha checkpoint ${subject.name}`);
      await someWork(subject);
    }
    const { epoch } = await untilContainer(lab, subject.name, {
      what: `the last of ${times} generations`,
      limitMs: STATUS_MS,
      holds: ({ generation }) => generation!.gen >= before.generation!.gen + times,
    });
    return epoch === before.epoch ? [] : [`it began again: epoch ${epoch} after ${before.epoch}`];
  });
}

/** Moves it to these hosts, one after the other, while it works over one session. */
export async function moved(lab: Lab, subject: Subject, to: string[]): Promise<Findings> {
  return undisturbed(subject, async () => {
    for (const host of to) {
      await someWork(subject);
      await lab.exec(host, `container-ha migrate ${subject.name} --to ${host}`);
      await someWork(subject);
      await untilContainer(lab, subject.name, {
        what: `protection on ${host}`,
        limitMs: PROTECTED_MS,
        holds: (status) => status.primary === host && isProtected(status),
      });
    }
    return [];
  });
}

/** What a program has to know whatever is done to it from now on. */
export interface Firm {
  primary: string;
  epoch: number;
  /** So much of its work was acknowledged before its committed generation was begun. */
  work: number;
  stepsBack: number;
  faults: number;
}

/** Commits a generation under load. */
export async function committed(lab: Lab, subject: Subject): Promise<Firm> {
  const { client, name } = subject;
  await someWork(subject);
  const { primary, epoch } = await containerStatus(lab, name);
  const work = client.acknowledged();
  await lab.exec(primary!, `container-ha checkpoint ${name}`);
  await someWork(subject);
  const [stepsBack, faults] = [client.stepsBack().length, client.faults().length];
  return { primary: primary!, epoch, work, stepsBack, faults };
}

/** After a harm it begins again by itself; from then on it works, and knows what was firm. */
export async function regained(lab: Lab, subject: Subject, firm: Firm): Promise<Findings> {
  const { client, name } = subject;
  await untilContainer(lab, name, {
    what: "its beginning anew",
    limitMs: PROTECTED_MS,
    holds: ({ epoch, phase }) => epoch > firm.epoch && phase === "RUNNING",
  });
  await someWork(subject);
  const lost = client
    .stepsBack()
    .slice(firm.stepsBack)
    .filter(({ remembered }) => remembered < firm.work)
    .map(
      ({ remembered }) =>
        `it knows ${remembered} of the ${firm.work} pieces of work in its committed generation`,
    );
  return [...lost, ...client.faults().slice(firm.faults)];
}

/** The engine's first process of the container ends as by a crash. */
export async function killMainProcess(lab: Lab, { name, engine }: Subject, host: string): Promise<void> {
  const inspect = `${engine} inspect --format '{{.State.Pid}}' ${engineName(name)}`;
  await lab.exec(host, `pid=$(${inspect}) && [ "$pid" -gt 0 ] && kill -KILL "$pid"`);
}

/** What may not happen to a program that is only looked after: a lost session, lost work, a wrong answer. */
async function undisturbed(subject: Subject, work: () => Promise<Findings>): Promise<Findings> {
  const { client } = subject;
  const before = {
    reconnects: client.reconnects(),
    steps: client.stepsBack().length,
    faults: client.faults().length,
  };
  const findings = await work();
  const acknowledged = client.acknowledged();
  const known = await client.remembered();
  const reconnects = client.reconnects() - before.reconnects;
  if (known < acknowledged) findings.push(`it knows ${known} of ${acknowledged} pieces of work`);
  if (reconnects > 0) findings.push(`its session was lost ${reconnects} times`);
  for (const { acknowledged: done, remembered } of client.stepsBack().slice(before.steps))
    findings.push(`it stepped back from ${done} to ${remembered}`);
  return [...findings, ...client.faults().slice(before.faults)];
}

async function someWork({ client, name }: Subject): Promise<void> {
  const from = client.acknowledged();
  const working = () => client.acknowledged() >= from + SOME_WORK;
  await until(working, `work that ${name} acknowledges`, ANSWER_MS);
}
