import assert from "node:assert/strict";
import type { Recovery } from "../../../../provider/agent/cli/recover/act";
import type { Plan, Seen } from "../../../../provider/agent/cli/recover/plan";
import { run } from "../../../../provider/agent/cli/run";
import { fakeIo } from "../fake-io";
import { seenFromB } from "./seen";

describe("container-ha recover", () => {
  let questions: string[];
  let written: string;
  let rebuilt: Plan[];
  let looked: Seen | { refusal: string };

  beforeEach(() => {
    questions = [];
    written = "";
    rebuilt = [];
    looked = seenFromB();
  });

  const call = (args: string[], answer: string | null) => {
    const recovery: Recovery = { look: async () => looked, rebuild: async (plan) => void rebuilt.push(plan) };
    const io = fakeIo({
      out: (text) => {
        written += text;
      },
      ask: async (question) => {
        questions.push(question);
        return answer;
      },
      recovery: () => recovery,
    });
    return run(["recover", ...args], io);
  };

  it("says what it assumes and rebuilds after a yes", async () => {
    await call([], "y");
    assert.match(questions[0]!, /^Group g has no majority: [\s\S]*\nGo on\? \[y\/N\] $/);
    assert.equal(rebuilt.length, 1);
    assert.match(written, /^b is the only voter of group g now\./);
  });

  for (const answer of ["", "n", "yess"])
    it(`does nothing where the answer is "${answer}"`, async () => {
      await assert.rejects(call([], answer), /^CliError: Nothing was changed\.$/);
      assert.deepEqual(rebuilt, []);
    });

  it("does nothing where nobody can be asked", async () => {
    await assert.rejects(call([], null), /Nobody can be asked here: repeat it with --yes/);
    assert.deepEqual(rebuilt, []);
  });

  it("asks nothing with --yes and prints the plan that it carried out with --json", async () => {
    await call(["--yes", "--json", "--confirmed-off", "a", "--confirmed-off", "c"], null);
    assert.deepEqual(questions, []);
    assert.deepEqual(JSON.parse(written), rebuilt[0]);
    assert.deepEqual(
      rebuilt[0]!.fences.map(({ host, confirmedOff }) => [host, confirmedOff]),
      [
        ["a", true],
        ["c", true],
      ],
    );
  });

  it("asks nothing where it must not be done", async () => {
    await assert.rejects(call(["--confirmed-off", "x"], "y"), /^CliError: --confirmed-off: host x is not/);
    looked = { refusal: "The store has a quorum." };
    await assert.rejects(call(["--yes"], null), /^CliError: The store has a quorum\.$/);
    assert.deepEqual([questions, rebuilt], [[], []]);
  });
});
