import assert from "node:assert/strict";
import { hedged } from "../../../../provider/agent/env/etcd/hedge";

/** Endpoints that answer, fail, or stay silent when the test says so; what became of each. */
function endpoints() {
  const asked: string[] = [];
  const blamed: string[] = [];
  const settle = new Map<string, { answer(value: string): void; fail(cause: Error): void }>();
  const waiters: (() => void)[] = [];
  return {
    asked,
    blamed,
    of: (address: string) => settle.get(address)!,
    /** Resolves when so many were asked. */
    async untilAsked(count: number): Promise<void> {
      while (asked.length < count) await new Promise<void>((resolve) => waiters.push(resolve));
    },
    start: (options: { hesitationMs: number; timeoutMs: number }) =>
      hedged<string>({
        ...options,
        addresses: ["a", "b", "c"],
        attempt: (address) => {
          asked.push(address);
          for (const waiter of waiters.splice(0)) waiter();
          return new Promise((answer, fail) => settle.set(address, { answer, fail }));
        },
        onFailure: (address) => blamed.push(address),
      }),
  };
}

const PATIENT = { hesitationMs: 5000, timeoutMs: 10_000 };
const HASTY = { hesitationMs: 1, timeoutMs: 10_000 };

describe("a question to several endpoints", () => {
  it("is asked of one alone while that one answers soon", async () => {
    const some = endpoints();
    const answer = some.start(PATIENT);
    some.of("a").answer("from a");
    assert.equal(await answer, "from a");
    assert.deepEqual([some.asked, some.blamed], [["a"], []]);
  });

  it("is asked of the next beside one that hesitates, and the first answer counts", async () => {
    const some = endpoints();
    const answer = some.start(HASTY);
    await some.untilAsked(3);
    some.of("c").answer("from c");
    assert.equal(await answer, "from c");
    assert.ok(some.blamed.includes("a"), "who let others answer first was not noted");
    assert.ok(!some.blamed.includes("c"));
  });

  it("takes a late answer of one that hesitated, which is then not blamed", async () => {
    const some = endpoints();
    const answer = some.start(HASTY);
    await some.untilAsked(2);
    some.of("a").answer("from a");
    assert.equal(await answer, "from a");
    assert.ok(!some.blamed.includes("a"));
  });

  it("goes to the next at once after a failure", async () => {
    const some = endpoints();
    const answer = some.start(PATIENT);
    some.of("a").fail(new Error("refused"));
    await some.untilAsked(2);
    some.of("b").answer("from b");
    assert.equal(await answer, "from b");
    assert.deepEqual([some.asked, some.blamed], [["a", "b"], ["a"]]);
  });

  it("fails with every cause when all failed", async () => {
    const some = endpoints();
    const answer = some.start(PATIENT);
    for (const [index, address] of ["a", "b", "c"].entries()) {
      await some.untilAsked(index + 1);
      some.of(address).fail(new Error(`${address} refused`));
    }
    await assert.rejects(answer, /a refused; b refused; c refused/);
  });

  it("fails at the deadline, whoever is still silent", async () => {
    const some = endpoints();
    await assert.rejects(
      some.start({ hesitationMs: 1, timeoutMs: 40 }),
      /within 40 ms: a did not answer; b did not answer; c did not answer/,
    );
    assert.deepEqual(some.blamed, ["a", "b", "c"]);
  });
});
