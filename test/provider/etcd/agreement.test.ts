import assert from "node:assert/strict";
import { disagreement, parseDataStates } from "../../../provider/etcd/agreement";

const state = (endpoint: string, revision: number, applied: number) => ({ endpoint, revision, applied });

describe("the data of etcd's members", () => {
  it("agree where one of them has only applied less of the log", () => {
    assert.equal(disagreement([]), null);
    assert.equal(disagreement([state("a", 2945, 3044), state("b", 2951, 3050), state("c", 400, 480)]), null);
  });

  it("do not agree where one has another revision after as many entries, whoever is asked first", () => {
    const behind = state("a", 1464, 2660);
    const ahead = state("b", 2582, 2662);
    const sentence = "a is at revision 1464 after entry 2660, b is at revision 2582 after entry 2662";
    assert.equal(disagreement([behind, ahead]), sentence);
    assert.equal(disagreement([ahead, state("c", 2590, 2670), behind]), sentence);
  });

  it("do not agree where more of the log has led to a lower revision", () => {
    assert.match(disagreement([state("a", 2000, 2100), state("b", 1000, 2200)])!, /^a is at revision 2000/);
  });

  it("are read from etcdctl's status, whose ids are larger than numbers hold", () => {
    const output = `[{"Endpoint":"https://10.0.0.1:7379","Status":{"header":{"cluster_id":12010437362112359968,"member_id":16734156434475844917,"revision":7,"raft_term":2},"version":"3.5.16","dbSize":1,"leader":16734156434475844917,"raftIndex":12,"raftTerm":2,"raftAppliedIndex":11,"dbSizeInUse":1,"isLearner":true}}]`;
    assert.deepEqual(parseDataStates(output), [
      { endpoint: "https://10.0.0.1:7379", revision: 7, applied: 11, leads: true },
    ]);
    const [follower] = parseDataStates(output.replace('"leader":16734156434475844917', '"leader":5'));
    assert.equal(follower!.leads, false);
  });
});
