import assert from "node:assert/strict";
import { judgeTxn, planRenewal, renewalTxn } from "../../../provider/agent/lease/renewal";
import { keysOf } from "../../../provider/contract";

const keys = keysOf("g");
const session = { sid: "s1", record: "R", anchor: 7, announcedMs: 500 };

describe("planRenewal", () => {
  const cases: [string, Parameters<typeof planRenewal>[0], ReturnType<typeof planRenewal>][] = [
    [
      "arms at once what the first renewal announces, for nothing is open before its acknowledgement",
      { active: { slot: "b", leaseMs: 0 }, announcedMs: 0, leaseMs: 500 },
      { slot: "a", armMs: 500, heartbeatMs: 500, announcing: true },
    ],
    [
      "announces what is armed",
      { active: { slot: "a", leaseMs: 500 }, announcedMs: 500, leaseMs: 500 },
      { slot: "b", armMs: 500, heartbeatMs: 500, announcing: false },
    ],
    [
      "announces a longer lease and arms the old one",
      { active: { slot: "a", leaseMs: 500 }, announcedMs: 500, leaseMs: 2000 },
      { slot: "b", armMs: 500, heartbeatMs: 2000, announcing: true },
    ],
    [
      "arms a longer lease once it is announced",
      { active: { slot: "b", leaseMs: 500 }, announcedMs: 2000, leaseMs: 2000 },
      { slot: "a", armMs: 2000, heartbeatMs: 2000, announcing: false },
    ],
    [
      "goes on announcing the longer lease of the active set when a shorter one is armed",
      { active: { slot: "b", leaseMs: 2000 }, announcedMs: 2000, leaseMs: 500 },
      { slot: "a", armMs: 500, heartbeatMs: 2000, announcing: false },
    ],
  ];
  for (const [title, input, plan] of cases) it(title, () => assert.deepEqual(planRenewal(input), plan));
});

describe("the transaction", () => {
  const plan = planRenewal({ active: { slot: "a", leaseMs: 500 }, announcedMs: 500, leaseMs: 2000 });

  it("of an announcement rewrites the session record, unchanged, so that its revision moves on", () => {
    const txn = renewalTxn({ keys, host: "h1", session, n: 4, plan });
    assert.deepEqual(txn.writes, [
      { put: "/ha/g/host/h1/hb", value: '{"sid":"s1","n":4,"leaseMs":2000}' },
      { put: "/ha/g/host/h1/session", value: "R" },
    ]);
    assert.deepEqual(txn.compares.at(-1), { key: "/ha/g/host/h1/session", modRevision: 7 });
  });

  it("that judges a session is a write, but of a key that never exists", () => {
    assert.deepEqual(judgeTxn({ keys, host: "h1", session }), {
      compares: [
        { key: "/ha/g/host/h1/session", value: "R" },
        { key: "/ha/g/fence/h1/s1", modRevision: 0 },
      ],
      writes: [{ delete: "/ha/g/host/h1/session/none" }],
    });
  });
});
