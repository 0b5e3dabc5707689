import assert from "node:assert/strict";
import { type Plan, planRecover, type Seen } from "../../../../provider/agent/cli/recover/plan";
import { doneText, planText } from "../../../../provider/agent/cli/recover/words";
import { AT, containerOf, hostOf, viewOf } from "../../support/views";
import { dead, running, seenFromB } from "./seen";

function plan(change: Partial<Seen> = {}, confirmedOff: string[] = []): Plan {
  const result = planRecover(seenFromB(change), { confirmedOff });
  if ("refusal" in result) assert.fail(result.refusal);
  return result;
}

function refusal(change: Partial<Seen>, confirmedOff: string[] = []): string {
  const result = planRecover(seenFromB(change), { confirmedOff });
  return "refusal" in result ? result.refusal : assert.fail("it was planned");
}

describe("rebuilding a group from one voter", () => {
  it("ends the session of every other host, which others may replace only after its lease has ended", () => {
    assert.deepEqual(plan().fences, [
      { host: "a", sid: "a-1", confirmedOff: false, waitMs: 2450 },
      { host: "c", sid: "c-1", confirmedOff: false, waitMs: 2450 },
    ]);
  });

  it("waits by the lease that a host last announced, where that is longer than the own setting", () => {
    const long = hostOf("a");
    long.heartbeat!.value.leaseMs = 10_000;
    const { fences } = plan({ view: viewOf([long, hostOf("b")]) });
    assert.equal(fences[0]!.waitMs, 12_020);
  });

  it("waits for nobody whom the operator has seen to be off", () => {
    const [a, c] = plan({}, ["a"]).fences;
    assert.deepEqual([a!.confirmedOff, a!.waitMs], [true, 0]);
    assert.equal(c!.confirmedOff, false);
  });

  it("leaves a session alone that a tombstone has ended already", () => {
    const fenced = hostOf("a", { fence: { by: "b", method: "timeout", at: AT } });
    assert.deepEqual(plan({ view: viewOf([fenced, hostOf("b")]) }).fences, []);
  });

  it("ends sessions of hosts that are alive too: a session is known to one of the two clusters at most", () => {
    const view = viewOf([hostOf("a"), hostOf("b"), hostOf("c"), hostOf("d")]);
    assert.deepEqual(
      plan({ view }).fences.map(({ host }) => host),
      ["a", "c", "d"],
    );
  });

  it("makes a cluster of a higher number than the last one", () => {
    assert.equal(plan().number, 1);
    assert.equal(plan({ number: 4 }).number, 5);
  });

  const outcomes: [string, Partial<Seen>, Plan["containers"][number]["will"]][] = [
    ["whose generation is here goes on from it", {}, "restored"],
    ["whose generation is not here waits for a holder", { stored: new Map() }, "waits"],
    [
      "of which only an older generation is here waits",
      { stored: new Map([["db", new Set(["7-2"])]]) },
      "waits",
    ],
    [
      "without a generation begins cold",
      { view: viewOf([hostOf("b")], [containerOf({ generation: null })]) },
      "cold",
    ],
    [
      "whose generation is of another specification begins cold",
      { view: viewOf([hostOf("b")], [containerOf({ generation: { specDigest: "0".repeat(64) } })]) },
      "cold",
    ],
    [
      "that is frozen here goes on as it is",
      { view: viewOf([hostOf("b")], [containerOf({ owner: { host: "b", sid: "b-1" } })]) },
      "stays",
    ],
    [
      "that was here before this host was started anew goes on from its generation",
      {
        view: viewOf([hostOf("b")], [containerOf({ owner: { host: "b", sid: "b-1" } })]),
        keepsSession: false,
      },
      "restored",
    ],
  ];
  for (const [what, change, will] of outcomes)
    it(`a container ${what}`, () => assert.equal(plan(change).containers[0]!.will, will));
});

describe("a group that must not be rebuilt", () => {
  it("is one of whose voters a majority runs", () => {
    assert.match(
      refusal({ others: [running("a", null), dead("c")] }),
      /^etcd runs on b, a, which is a majority of the 3 voters: it needs no rebuilding/,
    );
  });

  it("is one that this host does not see because it is cut off itself", () => {
    assert.match(refusal({ linked: false }), /^eth0 of b has no link: this host is cut off/);
  });

  it("is one of which another voter knows more", () => {
    const others = [running("a", 501), dead("c"), dead("d"), dead("e")];
    assert.match(
      refusal({ others }),
      /^etcd on a knows more \(revision 501, here 500\), and what only it knows would be lost: run this there$/,
    );
    assert.deepEqual(plan({ others: [running("a", 500), ...others.slice(1)] }).minority, ["a"]);
  });

  it("is one where a host is said to be off that answers, or is the own one, or nobody", () => {
    const others = [{ ...dead("a"), on: true }, dead("c")];
    assert.match(refusal({ others }, ["a"]), /^--confirmed-off: a is not off, it answers$/);
    assert.match(refusal({}, ["b"]), /^--confirmed-off: b is not off/);
    assert.match(refusal({}, ["x"]), /^--confirmed-off: host x is not in group g$/);
  });
});

describe("what an operator is told before a group is rebuilt", () => {
  it("is what it assumes, what is lost and what becomes of each container", () => {
    assert.equal(
      planText(plan({}, ["a"])),
      `Group g has no majority: of its 3 voters only b runs.
This assumes that the etcd data of a and c are gone for good, and that these hosts are OFF, or will reach b when they start: only then they learn that their data are of the past. Where they run cut off from b, two hosts answer for the same containers.
b becomes the group's only voter, with what its etcd knows (up to revision 500); what only others know is lost.
The session of a ends; its containers are taken at once, because you say that it is off.
The session of c ends; its containers are taken after 2450 ms, as it may be alive.
db goes on from its generation 7-3 (12 s ago), which is here; what it did since is lost.
Afterwards "pulumi up --refresh" makes a and c voters again, on new machines or the old ones.`,
    );
  });

  it("names hosts that are on without etcd, and voters that are too few", () => {
    const others = [running("a", 1), { ...dead("c"), on: true }, dead("d"), dead("e")];
    const text = planText(plan({ others }));
    assert.match(text, /of its 5 voters only b and a run\./);
    assert.match(text, /^c answers, but without etcd\.$/m);
    assert.match(text, /^etcd also runs on a; it ends there, and its data are not used\.$/m);
  });

  it("names who holds the generation that is not here", () => {
    assert.match(
      planText(plan({ stored: new Map() })),
      /^db waits: its generation 7-3 .* is not here, only on a\.$/m,
    );
  });

  it("and afterwards is where the data are as they were, and what is left to do", () => {
    const text = doneText(plan({ number: 2 }));
    assert.match(text, /^b is the only voter of group g now\..*\/etcd\/member\.before-rebuild-3\.$/m);
    assert.match(
      text,
      /"pulumi up --refresh" makes a and c voters again; until then a failure of b ends everything\.$/,
    );
  });
});
