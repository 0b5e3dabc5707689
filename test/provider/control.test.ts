import assert from "node:assert/strict";
import { askGroup, askMember, GroupRefused, GroupUnavailable, groupStatus } from "../../provider/control";
import { AuthenticationFailed } from "../../provider/errors";
import { type FakeGroup, fakeHandle, ok, startFakeGroup, statusOf } from "./resources/fake-group";

const noQuorum = { ok: false, code: "no-quorum", message: "the store does not answer" } as const;

describe("asking a group", () => {
  let group: FakeGroup;

  beforeEach(async () => {
    group = await startFakeGroup({ members: 2 });
  });
  afterEach(() => group.close());

  it("gives the request to the first member and returns its result", async () => {
    group.members[0]!.reply("checkpoint", ok({ gen: 7, epoch: 2 }));
    const result = await askGroup(group.handle, { op: "checkpoint", name: "redis" });
    assert.deepEqual(result, { gen: 7, epoch: 2 });
    assert.deepEqual(group.members[0]!.requests(), [{ op: "checkpoint", name: "redis" }]);
    assert.deepEqual(group.members[1]!.requests(), []);
  });

  it("asks another member where one does not run its agent, and stays with the one that answers", async () => {
    group.members[0]!.stop();
    group.members[1]!.reply("status", ok(statusOf({})));
    await groupStatus(group.handle);
    await groupStatus(group.handle);
    assert.equal(group.members[0]!.server.seen.commands.length, 1);
    assert.equal(group.members[1]!.requests().length, 2);
  });

  it("asks another member where one has no quorum", async () => {
    group.members[0]!.reply("status", ok(statusOf({ quorum: false })));
    group.members[1]!.reply("status", ok(statusOf({ containers: [{ name: "redis" }] })));
    const status = await groupStatus(group.handle);
    assert.equal(status.containers[0]?.name, "redis");
  });

  it("asks another member where the agent of one has just been started and knows nothing yet", async () => {
    group.members[0]!.reply("status", {
      ok: false,
      code: "starting",
      message: "has not looked at the group yet",
    });
    group.members[1]!.reply("status", ok(statusOf({ containers: [{ name: "redis" }] })));
    const status = await groupStatus(group.handle, { patienceMs: 0 });
    assert.equal(status.containers[0]?.name, "redis");
  });

  it("asks again while no member can answer", async () => {
    for (const member of group.members) member.reply("unset-rule", noQuorum, ok("done"));
    assert.equal(await askGroup(group.handle, { op: "unset-rule", name: "r", stack: "p/s" }), "done");
  });

  it("says of every member why it cannot answer, once the time is over", async () => {
    group.members[0]!.stop();
    group.members[1]!.reply("status", noQuorum);
    await assert.rejects(
      groupStatus(group.handle, { patienceMs: 0 }),
      (error) =>
        error instanceof GroupUnavailable &&
        /no member of group g\d+ can answer:\n {2}ha1: .*The agent is not running/s.test(error.message) &&
        /ha2: the store does not answer\nBring enough hosts/.test(error.message),
    );
  });

  it("turns a refusal into an error with its code and words, and asks nobody else", async () => {
    group.members[0]!.reply("apply", { ok: false, code: "conflict", message: "10.0.0.50 is used by db" });
    await assert.rejects(
      askGroup(group.handle, { op: "remove", name: "redis", stack: "p/s" }).then(() =>
        askGroup(group.handle, { op: "apply", spec: {} as never }),
      ),
      (error) =>
        error instanceof GroupRefused && error.code === "conflict" && /used by db/.test(error.message),
    );
    assert.deepEqual(group.members[1]!.requests(), []);
  });

  it("does not go around a member that refuses the credentials", async () => {
    const [first, second] = group.handle.members;
    const wrong = { ...first!, connection: { ...first!.connection, password: "guess" } };
    const handle = { ...fakeHandle([first!, second!]), members: [wrong, second!] };
    await assert.rejects(askGroup(handle, { op: "status" }), AuthenticationFailed);
    assert.deepEqual(group.members[1]!.requests(), []);
  });

  it("asks one member alone where the request is about its host", async () => {
    group.members[0]!.stop();
    const pull = { op: "pull", engine: "podman", image: "redis" } as const;
    await assert.rejects(askMember(group.handle.members[0]!, pull), /^GroupUnavailable: ha1 gave no answer/);
    assert.deepEqual(group.members[1]!.requests(), []);
  });
});
