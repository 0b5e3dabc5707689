import assert from "node:assert/strict";
import { planStart, type VoterView } from "../../../provider/etcd/start";

/** `d` data, `b` data of an unfinished first cluster, `-` no data, `x` does not answer. */
const voters = (states: string): VoterView[] =>
  [...states].map((state, index) => ({
    name: `v${index}`,
    reachable: state !== "x",
    hasData: state === "d" || state === "b",
    isBootstrapping: state === "b",
  }));

interface Case {
  title: string;
  states: string;
  finished?: boolean;
  quorum?: boolean | null;
  plan: string;
}

const CASES: Case[] = [
  { title: "fresh hosts get their first cluster", states: "---", plan: "bootstrap" },
  { title: "a fresh host that does not answer holds back the first cluster", states: "--x", plan: "give-up" },
  { title: "data is started before anything is decided", states: "d--", plan: "use" },
  { title: "data of an unfinished attempt is started too", states: "bb-", plan: "use" },
  {
    title: "data of an unfinished attempt that no majority has is thrown away at once",
    states: "b--",
    plan: "bootstrap",
  },
  { title: "but not while a voter is silent, who may have them, too", states: "b-x", plan: "use" },
  {
    title: "an unfinished attempt without quorum is thrown away",
    states: "bb-",
    quorum: false,
    plan: "bootstrap",
  },
  {
    title: "an unfinished attempt is not thrown away while a voter is silent",
    states: "b-x",
    quorum: false,
    plan: "give-up",
  },
  { title: "an unfinished attempt that has a quorum is used", states: "bb-", quorum: true, plan: "use" },
  {
    title: "data of a cluster that may have been in use is never thrown away",
    states: "d--",
    quorum: false,
    plan: "give-up",
  },
  {
    title: "a working cluster is used whatever a minority looks like",
    states: "dd-",
    finished: true,
    quorum: true,
    plan: "use",
  },
  {
    title: "a finished cluster without quorum is never started anew",
    states: "b--",
    finished: true,
    quorum: false,
    plan: "give-up",
  },
  {
    title: "a finished cluster that lost all data is never started anew",
    states: "---",
    finished: true,
    plan: "give-up",
  },
];

describe("the start of etcd", () => {
  for (const { title, states, finished = false, quorum = null, plan } of CASES) {
    it(title, () => assert.equal(planStart({ voters: voters(states), finished, quorum }).do, plan));
  }

  it("names the voters in the reason for giving up", () => {
    const plan = planStart({ voters: voters("d-x"), finished: true, quorum: false });
    assert.equal(
      plan.do === "give-up" && plan.reason,
      "etcd has no quorum: 2 of 3 voters must work; with data: v0; without data: v1; not reachable: v2. Bring these hosts back, then run this again; if a majority is gone for good, run `container-ha recover` on a host that has its data.",
    );
  });
});
