import assert from "node:assert/strict";
import { until } from "../support/until";
import { type Session, startWorking, WrongAnswer } from "./working-client";

const LIMIT_MS = 5_000;

/** A program that counts, at which a client works; a test spoils its count or what it answers. */
async function workedAt() {
  const state = { count: 0, fails: null as Error | null, failed: 0 };
  const answer = (more: number) => {
    if (state.fails) {
      state.failed += 1;
      throw state.fails;
    }
    state.count += more;
    return state.count;
  };
  const session: Session = {
    work: async () => answer(1),
    done: async () => answer(0),
    close: () => undefined,
  };
  const client = startWorking(async () => session);
  const someWork = async () => {
    const from = client.acknowledged();
    await until(() => client.acknowledged() >= from + 3, "work", LIMIT_MS);
  };
  await someWork();
  return {
    client,
    someWork,
    /** Its session ends with that error; meanwhile the program changes its count. */
    async interrupt(error: Error, change: (count: number) => number): Promise<void> {
      state.fails = error;
      await until(() => state.failed > 0, "an answer that fails", LIMIT_MS);
      state.count = change(state.count);
      state.fails = null;
      await someWork();
    },
    spoil(change: (count: number) => number): void {
      state.count = change(state.count);
    },
  };
}

describe("the client of a program under test", () => {
  const lost = new Error("connection closed");

  it("finds nothing in a program that counts what it acknowledged", async () => {
    const { client, someWork } = await workedAt();
    await someWork();
    await client.stop();
    assert.deepEqual([client.faults(), client.stepsBack(), client.reconnects()], [[], [], 0]);
    assert.equal(await client.remembered(), client.acknowledged());
  });

  it("tells how far back a program began again, and counts on from there", async () => {
    const { client, interrupt } = await workedAt();
    let had = 0;
    await interrupt(lost, (count) => {
      had = count;
      return 1;
    });
    await client.stop();
    const steps = client.stepsBack().map(({ acknowledged, remembered }) => ({ acknowledged, remembered }));
    assert.deepEqual(steps, [{ acknowledged: had, remembered: 1 }]);
    assert.deepEqual([client.faults(), client.reconnects()], [[], 1]);
    assert.equal(await client.remembered(), client.acknowledged());
  });

  it("names a step back within one session", async () => {
    const { client, spoil } = await workedAt();
    spoil(() => 0);
    await until(() => client.faults().length > 0, "a fault", LIMIT_MS);
    await client.stop();
    assert.match(client.faults()[0]!, /^over one session it said 1 after \d+$/);
  });

  it("allows one piece of work that was done and not acknowledged", async () => {
    const { client, interrupt } = await workedAt();
    await interrupt(lost, (count) => count + 1);
    await client.stop();
    assert.deepEqual([client.faults(), client.stepsBack()], [[], []]);
  });

  it("names more work than it asked for", async () => {
    const { client, interrupt } = await workedAt();
    await interrupt(lost, (count) => count + 2);
    await client.stop();
    assert.deepEqual(client.faults(), ["it says that it has done 2 more than it was asked for"]);
  });

  it("keeps a wrong answer as a fault, and opens a new session after it", async () => {
    const { client, interrupt } = await workedAt();
    await interrupt(new WrongAnswer("its list has 3 entries"), (count) => count);
    await client.stop();
    assert.equal(client.faults()[0], "its list has 3 entries");
    assert.equal(client.reconnects(), 1);
  });
});
