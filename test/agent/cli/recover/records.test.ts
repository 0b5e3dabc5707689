import assert from "node:assert/strict";
import type { Plan } from "../../../../provider/agent/cli/recover/plan";
import { recoverTxns, renamedSession } from "../../../../provider/agent/cli/recover/records";
import { AT, containerOf, hostOf, ownerOf, viewOf } from "../../support/views";

const plan: Plan = {
  host: "b",
  group: "g",
  number: 2,
  revision: 500,
  voters: 3,
  lost: [
    { name: "a", on: false },
    { name: "c", on: false },
  ],
  minority: [],
  fences: [
    { host: "a", sid: "a-1", confirmedOff: true, waitMs: 0 },
    { host: "c", sid: "c-1", confirmedOff: false, waitMs: 560 },
  ],
  containers: [],
};

describe("records of a group that is rebuilt", () => {
  it("are the cluster's number and a tombstone of an operator for each session that ends", () => {
    const rebuilt = { number: 2, id: "x", by: "b", at: AT };
    const { mark, fences } = recoverTxns(plan, { rebuilt, view: viewOf([]) });
    assert.deepEqual(mark.writes, [{ put: "/ha/g/rebuilt", value: JSON.stringify(rebuilt) }]);
    const by = "an operator on b, who rebuilt the group";
    assert.deepEqual(
      fences.map(({ writes }) => writes),
      [
        [
          {
            put: "/ha/g/fence/a/a-1",
            value: JSON.stringify({ by, method: "operator", at: AT, confirmedOff: true }),
          },
        ],
        [{ put: "/ha/g/fence/c/c-1", value: JSON.stringify({ by, method: "operator", at: AT }) }],
      ],
    );
  });

  it("raise every epoch, so that nothing begun or stored in the old cluster is as new as what follows", () => {
    const rebuilt = { number: 2, id: "x", by: "b", at: AT };
    const { epochs } = recoverTxns(plan, { rebuilt, view: viewOf([], [containerOf()]) });
    assert.deepEqual(epochs, [
      {
        compares: [{ key: "/ha/g/ct/db/owner", modRevision: 11 }],
        writes: [{ put: "/ha/g/ct/db/owner", value: JSON.stringify(ownerOf({ epoch: 1007 })) }],
      },
    ]);
    const unowned = viewOf([], [containerOf({ owner: null })]);
    assert.deepEqual(recoverTxns(plan, { rebuilt, view: unowned }).epochs, []);
  });

  it("give the own session another text and the same id, so that the old cluster refuses what it writes", () => {
    const own = hostOf("b");
    const renamed = renamedSession(plan, viewOf([own]))!;
    assert.notEqual(renamed.record, own.session!.text);
    assert.deepEqual(JSON.parse(renamed.record), { ...own.session!.value, rebuilt: 2 });
    assert.deepEqual(renamed.txn, {
      compares: [{ key: "/ha/g/host/b/session", value: own.session!.text }],
      writes: [{ put: "/ha/g/host/b/session", value: renamed.record }],
    });
  });

  it("say nothing of a session of a host that never had one", () => {
    assert.equal(renamedSession(plan, viewOf([])), null);
  });
});
