import assert from "node:assert/strict";
import { closeAll } from "../../provider/ssh/pool";
import { containerStatus } from "../support/group";
import { labSuite } from "../support/lab";
import { frontOf, workloads } from "./all";
import { protect, type Subject, setUpGroup } from "./fleet";
import { brought, checkpointed, type Findings, killMainProcess, moved } from "./trials";

const CHECKPOINTS = 20;

labSuite("programs that their users run, on podman", { hosts: 3, timeoutMs: 600_000 }, (lab) => {
  const subjects: Subject[] = [];
  const address = (index: number) => `${lab.subnet}.${101 + index}`;

  after(async () => {
    await Promise.all(subjects.map(({ client }) => client.stop()));
    await closeAll();
  });

  it("each is protected and works", async () => {
    const handle = await setUpGroup(lab);
    const all = [...workloads, frontOf(address(0))];
    const protectedOnes = await Promise.allSettled(
      all.map((workload, index) =>
        protect(lab, handle, { workload, engine: "podman", address: address(index) }),
      ),
    );
    for (const outcome of protectedOnes) if (outcome.status === "fulfilled") subjects.push(outcome.value);
    const refused = protectedOnes.flatMap((outcome) =>
      outcome.status === "rejected" ? [(outcome.reason as Error).message] : [],
    );
    assert.deepEqual(refused, []);
  });

  it(`each keeps its sessions and its work through ${CHECKPOINTS} checkpoints under load`, () =>
    sideBySide((subject) => checkpointed(lab, subject, CHECKPOINTS)));

  it("each keeps its sessions and its work when it is moved twice", () =>
    sideBySide(async (subject) => {
      const { primary } = await containerStatus(lab, subject.name);
      return moved(lab, subject, [primary === "ha2" ? "ha3" : "ha2", "ha1"]);
    }));

  it("each has its committed work when its main process was killed", () =>
    sideBySide((subject) => brought(lab, subject, killMainProcess(lab, subject))));

  it("each has its committed work when the host of them all was killed", async () => {
    let cut: Promise<unknown> | null = null;
    let ready = 0;
    await sideBySide((subject) =>
      brought(lab, subject, async (primary) => {
        ready += 1;
        if (ready === subjects.length) cut = lab.kill(primary);
        await cut;
      }),
    );
  });

  async function sideBySide(trial: (subject: Subject) => Promise<Findings>): Promise<void> {
    assert.equal(subjects.length, workloads.length + 1, "not every program is protected");
    const findings = await Promise.all(
      subjects.map(async (subject) => {
        const found = await trial(subject).catch((error: Error) => [error.message]);
        console.log(
          `      ${subject.name}: longest gap ${subject.client.longestGapMs()} ms, ${subject.client.acknowledged()} acknowledged`,
        );
        return found.map((sentence) => `${subject.name}: ${sentence}`);
      }),
    );
    assert.deepEqual(findings.flat(), []);
  }
});
