import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Api, startApi } from "../../../provider/agent/api/server";
import { run } from "../../../provider/agent/cli/run";
import type { CtlReply, CtlRequest } from "../../../provider/contract";
import { fakeIo } from "./fake-io";

const plan: CtlReply = { ok: true, result: { will: "This stops db." } };
const failedOver: CtlReply = { ok: true, result: { name: "db", from: "a", to: "b", epoch: 8 } };
const fenced: CtlReply = {
  ok: true,
  result: { host: "a", sid: "a-1", confirmedOff: true, containers: ["db"] },
};

describe("A command that an operator has to confirm", () => {
  let folder: string;
  let api: Api;
  let asked: CtlRequest[];
  let questions: string[];
  let written: string;
  let result: CtlReply;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "container-ha-confirm-"));
    api = await startApi({
      socketPath: join(folder, "agent.sock"),
      handle: async (request) => {
        asked.push(request);
        return "dryRun" in request && request.dryRun ? plan : result;
      },
      events: { recent: () => [], onEvent: () => () => {} },
    });
  });
  after(async () => {
    await api.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    asked = [];
    questions = [];
    written = "";
    result = failedOver;
  });

  const call = (args: string[], answer: string | null) => {
    const io = fakeIo({
      socketPath: join(folder, "agent.sock"),
      out: (text) => {
        written += text;
      },
      ask: async (question) => {
        questions.push(question);
        return answer;
      },
    });
    return run(args, io);
  };

  it("tells what it will do before it is done", async () => {
    await call(["failover", "db", "--to", "b"], "y");
    assert.deepEqual(questions, ["This stops db.\nGo on? [y/N] "]);
    assert.deepEqual(asked, [
      { op: "failover", name: "db", to: "b", dryRun: true },
      { op: "failover", name: "db", to: "b", dryRun: false },
    ]);
    assert.equal(written, "db is served by b at epoch 8; before it was on a.\n");
  });

  for (const answer of ["", "n", "yess"]) {
    it(`does nothing where the answer is "${answer}"`, async () => {
      await assert.rejects(call(["fence", "a"], answer), /^CliError: Nothing was changed\.$/);
      assert.deepEqual(asked, [{ op: "fence", host: "a", confirmedOff: false, dryRun: true }]);
    });
  }

  it("does nothing where nobody can be asked, and says how a script does it", async () => {
    await assert.rejects(
      call(["fence", "a"], null),
      /^CliError: This stops db\. Nobody can be asked here: repeat it with --yes\. See/,
    );
    assert.equal(asked.length, 1);
  });

  it("asks nothing with --yes and prints JSON with --json", async () => {
    result = fenced;
    await call(["fence", "a", "--confirmed-off", "--yes", "--json"], null);
    assert.deepEqual(questions, []);
    assert.deepEqual(asked, [{ op: "fence", host: "a", confirmedOff: true, dryRun: false }]);
    assert.deepEqual(JSON.parse(written), { host: "a", sid: "a-1", confirmedOff: true, containers: ["db"] });
  });
});
