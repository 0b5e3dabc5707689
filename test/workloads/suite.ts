import assert from "node:assert/strict";
import { closeAll } from "../../provider/ssh/pool";
import { containerStatus } from "../support/group";
import { labSuite } from "../support/lab";
import { protect, type Subject, setUpGroup } from "./fleet";
import {
  checkpointed,
  committed,
  type Findings,
  type Firm,
  killMainProcess,
  moved,
  regained,
} from "./trials";
import type { Workload } from "./workload";

const CHECKPOINTS = 20;
/** The last move brings every program to this host, so that its death meets them all. */
const LAST = "ha1";

/** What happens to a program in its life with this project, side by side for several on one set of hosts. */
export function workloadSuite(
  title: string,
  engine: Subject["engine"],
  choose: (address: (index: number) => string) => Workload[],
): void {
  labSuite(title, { hosts: 3, timeoutMs: 600_000 }, (lab) => {
    const address = (index: number) => `${lab.subnet}.${101 + index}`;
    const subjects: Subject[] = [];
    let chosen: Workload[] = [];

    after(async () => {
      await Promise.all(subjects.map(({ client }) => client.stop()));
      await closeAll();
    });

    it("each is protected and works", async () => {
      const handle = await setUpGroup(lab);
      chosen = choose(address);
      const outcomes = await Promise.allSettled(
        chosen.map((workload, index) => protect(lab, handle, { workload, engine, address: address(index) })),
      );
      for (const outcome of outcomes) if (outcome.status === "fulfilled") subjects.push(outcome.value);
      const refused = outcomes.flatMap((outcome) =>
        outcome.status === "rejected" ? [(outcome.reason as Error).message] : [],
      );
      assert.deepEqual(refused, []);
    });

    it(`each keeps its session and its work through ${CHECKPOINTS} checkpoints under load`, () =>
      sideBySide((subject) => checkpointed(lab, subject, CHECKPOINTS)));

    it("each keeps its session and its work when it is moved twice", () =>
      oneByOne(async (subject) => {
        const { primary } = await containerStatus(lab, subject.name);
        return moved(lab, subject, [primary === "ha2" ? "ha3" : "ha2", LAST]);
      }));

    it("each has its committed work when its main process was killed", () =>
      sideBySide(async (subject) => {
        const firm = await committed(lab, subject);
        await killMainProcess(lab, subject, firm.primary);
        return regained(lab, subject, firm);
      }));

    it("each has its committed work when the host of them all was killed", async () => {
      const firm = new Map<Subject, Firm>();
      await sideBySide(async (subject) => {
        const known = await committed(lab, subject);
        firm.set(subject, known);
        return known.primary === LAST ? [] : [`it runs on ${known.primary}, not on ${LAST}`];
      });
      await lab.kill(LAST);
      await sideBySide((subject) => regained(lab, subject, firm.get(subject)!));
    });

    function sideBySide(trial: (subject: Subject) => Promise<Findings>): Promise<void> {
      return nothingFound(() => Promise.all(subjects.map((subject) => found(subject, trial))));
    }

    /** As a drain moves them: several at once would share the processors, and none be short. */
    function oneByOne(trial: (subject: Subject) => Promise<Findings>): Promise<void> {
      return nothingFound(async () => {
        const findings: Findings[] = [];
        for (const subject of subjects) findings.push(await found(subject, trial));
        return findings;
      });
    }

    async function found(
      subject: Subject,
      trial: (subject: Subject) => Promise<Findings>,
    ): Promise<Findings> {
      const sentences = await trial(subject).catch((error: Error) => [error.message]);
      return sentences.map((sentence) => `${subject.name}: ${sentence}`);
    }

    /** No program is passed over: one that a test before could not protect fails here, too. */
    async function nothingFound(trials: () => Promise<Findings[]>): Promise<void> {
      const findings = await trials();
      const missing = chosen.filter(({ name }) => !subjects.some((subject) => subject.name === name));
      assert.deepEqual([...findings.flat(), ...missing.map(({ name }) => `${name} is not protected`)], []);
      assert.notEqual(subjects.length, 0);
    }
  });
}
