import assert from "node:assert/strict";
import {
  endpointsDuring,
  type Member,
  nextMemberStep,
  parseMembers,
  type WantedVoter,
} from "../../../provider/etcd/members";

const url = (name: string) => `https://${name}:7380`;
const member = (name: string, changes: Partial<Member> = {}): Member => ({
  id: `${name}0`,
  started: true,
  name,
  peerUrls: [url(name)],
  clientUrls: [`https://${name}:7379`],
  learner: false,
  ...changes,
});
const voter = (name: string, hasData: boolean | null = true): WantedVoter => ({
  name,
  peerUrl: url(name),
  hasData,
});
const step = (members: Member[], voters: WantedVoter[]) => {
  const next = nextMemberStep(members, voters);
  const subject = "voter" in next ? next.voter.name : "member" in next ? next.member.name : "";
  return `${next.do} ${subject}`.trim();
};

describe("the next change of etcd's members", () => {
  it("is nothing when all wanted voters are there", () => {
    assert.equal(step([member("a"), member("b")], [voter("a"), voter("b")]), "nothing");
  });

  it("adds who is missing", () => {
    assert.equal(step([member("a")], [voter("a"), voter("b", false)]), "add b");
  });

  it("starts who was added and never started", () => {
    assert.equal(
      step([member("a"), member("b", { started: false, name: "" })], [voter("a"), voter("b", false)]),
      "start b",
    );
  });

  it("promotes a learner that has started", () => {
    assert.equal(step([member("a"), member("b", { learner: true })], [voter("a"), voter("b")]), "promote b");
  });

  it("removes a voter that lost its data, so that it can join again", () => {
    assert.equal(step([member("a"), member("b")], [voter("a"), voter("b", false)]), "remove b");
    assert.equal(step([member("a")], [voter("a"), voter("b", false)]), "add b");
  });

  it("removes a voter whose machine was replaced by one with another address before that one joins", () => {
    const before = member("b", { peerUrls: ["https://old:7380"] });
    assert.equal(
      step([member("a"), before, member("c")], [voter("a"), voter("b", false), voter("c")]),
      "remove b",
    );
    assert.equal(step([member("a"), member("c")], [voter("a"), voter("b", false), voter("c")]), "add b");
  });

  it("leaves a voter alone whose host does not answer", () => {
    assert.equal(step([member("a"), member("b")], [voter("a"), voter("b", null)]), "nothing");
    assert.equal(step([member("a")], [voter("a"), voter("b", null)]), "nothing");
  });

  it("removes who is not wanted only after everybody wanted is a voter", () => {
    const wanted = [voter("a"), voter("c", false)];
    assert.equal(step([member("a"), member("b")], wanted), "add c");
    assert.equal(
      step([member("a"), member("b"), member("c", { learner: true })], [voter("a"), voter("c")]),
      "promote c",
    );
    assert.equal(step([member("a"), member("b"), member("c")], [voter("a"), voter("c")]), "remove b");
  });
});

describe("who is asked while etcd's members change", () => {
  const members = [
    member("a"),
    member("b"),
    member("c", { learner: true }),
    member("d", { started: false, clientUrls: [] }),
  ];

  it("is every voter that has started", () => {
    assert.deepEqual(endpointsDuring({ do: "nothing" }, members), ["https://a:7379", "https://b:7379"]);
  });

  it("is not the member that is being removed: it may stop before it answers", () => {
    const remove = { do: "remove", member: members[0]!, why: "" } as const;
    assert.deepEqual(endpointsDuring(remove, members), ["https://b:7379"]);
  });
});

describe("the list of members", () => {
  it("is read with hexadecimal ids, learners and members that never started", () => {
    const output = [
      "6f122e43713ffb43, started, a, https://10.0.0.1:7380, https://10.0.0.1:7379, false",
      "afc374276dd00dc7, started, b, https://10.0.0.2:7380, https://10.0.0.2:7379, true",
      "bbbe18ec0c2f1775, unstarted, , https://10.0.0.3:7380, , true",
      "",
    ].join("\n");
    assert.deepEqual(parseMembers(output), [
      {
        id: "6f122e43713ffb43",
        started: true,
        name: "a",
        peerUrls: ["https://10.0.0.1:7380"],
        clientUrls: ["https://10.0.0.1:7379"],
        learner: false,
      },
      {
        id: "afc374276dd00dc7",
        started: true,
        name: "b",
        peerUrls: ["https://10.0.0.2:7380"],
        clientUrls: ["https://10.0.0.2:7379"],
        learner: true,
      },
      {
        id: "bbbe18ec0c2f1775",
        started: false,
        name: "",
        peerUrls: ["https://10.0.0.3:7380"],
        clientUrls: [],
        learner: true,
      },
    ]);
  });

  for (const output of ["", '{"members":[]}', "warning: something"]) {
    it(`is refused when it is not understood: ${JSON.stringify(output)}`, () => {
      assert.throws(() => parseMembers(output), /etcdctl listed/);
    });
  }
});
