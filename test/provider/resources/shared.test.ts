import assert from "node:assert/strict";
import { shared } from "../../../provider/resources/shared";

describe("Work that is shared", () => {
  /** Work whose runs end when the test says so. */
  function controlled() {
    const ends: { resolve(value: number): void; reject(error: Error): void }[] = [];
    const ask = shared(() => new Promise<number>((resolve, reject) => void ends.push({ resolve, reject })));
    const begun = async () => {
      await new Promise(setImmediate);
      return ends.length;
    };
    return { ask, ends, begun };
  }

  it("is done once for all who want it at the same time", async () => {
    const { ask, ends, begun } = controlled();
    const answers = [ask(), ask(), ask()];
    assert.equal(await begun(), 1);
    ends[0]!.resolve(7);
    assert.deepEqual(await Promise.all(answers), [7, 7, 7]);
  });

  it("is begun anew, once, for those who ask while it runs, and only when that has ended", async () => {
    const { ask, ends, begun } = controlled();
    const first = ask();
    assert.equal(await begun(), 1);
    const later = [ask(), ask()];
    assert.equal(await begun(), 1);
    ends[0]!.resolve(1);
    assert.equal(await first, 1);
    assert.equal(await begun(), 2);
    ends[1]!.resolve(2);
    assert.deepEqual(await Promise.all(later), [2, 2]);
  });

  it("fails for those who wanted that run, and for nobody else", async () => {
    const { ask, ends, begun } = controlled();
    const first = ask();
    assert.equal(await begun(), 1);
    const later = ask();
    ends[0]!.reject(new Error("no quorum"));
    await assert.rejects(first, /no quorum/);
    assert.equal(await begun(), 2);
    ends[1]!.resolve(2);
    assert.equal(await later, 2);
  });
});
