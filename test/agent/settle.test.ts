import assert from "node:assert/strict";
import type { Clock, Store, StoredValue, Txn, TxnOutcome } from "../../provider/agent/env";
import { settle } from "../../provider/agent/settle";

const txn: Txn = { compares: [{ key: "k", modRevision: 1 }], writes: [{ put: "k", value: "mine" }] };
const unknown: TxnOutcome = { result: "unknown", cause: "no reply" };
const clock: Clock = { now: () => 0, wall: () => "", sleep: async () => {} };

/** Answers transactions in this order, the last one for ever; reads show `value`, or fail where it is null. */
function storeOf(outcomes: TxnOutcome[], value: string | null) {
  const asked: Txn[] = [];
  const store = {
    txn: async (request: Txn) => {
      asked.push(request);
      return outcomes.length > 1 ? outcomes.shift()! : outcomes[0]!;
    },
    read: async () => {
      if (value === null) throw new Error("no endpoint answered");
      return new Map<string, StoredValue>([["k", { value, modRevision: 2 }]]);
    },
  } as unknown as Store;
  return { env: { store, clock }, asked };
}

describe("A transaction that must come to a certain end", () => {
  const signal = new AbortController().signal;

  it("is over with its first answer", async () => {
    assert.deepEqual(await settle(storeOf([{ result: "committed", revision: 2 }], null).env, txn, signal), {
      committed: true,
    });
    assert.deepEqual(await settle(storeOf([{ result: "refused" }], "mine").env, txn, signal), {
      committed: false,
    });
  });

  it("is sent again, unchanged, until it is answered: a read alone settles nothing", async () => {
    const { env, asked } = storeOf([unknown, unknown, { result: "committed", revision: 3 }], "other");
    assert.deepEqual(await settle(env, txn, signal), { committed: true });
    assert.deepEqual(asked, [txn, txn, txn]);
  });

  it("was committed when a repetition is refused and its value stands", async () => {
    const { env } = storeOf([unknown, { result: "refused" }], "mine");
    assert.deepEqual(await settle(env, txn, signal), { committed: true });
  });

  it("was not committed when a repetition is refused and another's value stands", async () => {
    const { env } = storeOf([unknown, { result: "refused" }], "other");
    assert.deepEqual(await settle(env, txn, signal), { committed: false });
  });

  it("knows of a deletion that was committed without a reply", async () => {
    const deletion: Txn = { compares: [{ key: "gone", modRevision: 1 }], writes: [{ delete: "gone" }] };
    const { env } = storeOf([unknown, { result: "refused" }], "other");
    assert.deepEqual(await settle(env, deletion, signal), { committed: true });
  });

  it("does not take for its own a deletion by somebody who changed what it compares", async () => {
    const deletion: Txn = {
      compares: [
        { key: "k", modRevision: 1 },
        { key: "gone", modRevision: 1 },
      ],
      writes: [{ delete: "gone" }],
    };
    const { env } = storeOf([unknown, { result: "refused" }], "other");
    assert.deepEqual(await settle(env, deletion, signal), { committed: false });
  });

  it("ends with the session, however long the store is silent", async () => {
    const ended = new AbortController();
    let attempts = 0;
    const store = {
      txn: async () => {
        attempts += 1;
        if (attempts === 5) ended.abort(new Error("the session was lost"));
        return unknown;
      },
    } as unknown as Store;
    await assert.rejects(settle({ store, clock }, txn, ended.signal), /the session was lost/);
    assert.equal(attempts, 5);
  });
});
