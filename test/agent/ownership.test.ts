import assert from "node:assert/strict";
import type { Txn } from "../../provider/agent/env";
import {
  beginAgainTxn,
  claimTxn,
  coldWrites,
  commitTxn,
  failsafeWrites,
  fenceTxn,
  forgetTxn,
  phaseWrites,
  sessionTxn,
  takeOverTxn,
} from "../../provider/agent/ownership";
import { type Generation, keysOf, type Owner, specDigest } from "../../provider/contract";
import { specOf } from "../sim/group";
import { AT, containerOf, generationOf, hostOf, meOf, rec } from "./support/views";

const keys = keysOf("sim");
const me = meOf("b");
const changedSpec = { ...specOf({ image: "redis:8" }), candidates: ["a", "b"] };
const tombstone = rec({ by: "b", method: "timeout" as const, at: AT }, 20);

function compares(txn: Txn, key: string): unknown {
  const compare = txn.compares.find((one) => one.key === key);
  return compare && ("value" in compare ? compare.value : compare.modRevision);
}

function written<T>(txn: Txn, key: string): T {
  const write = txn.writes.find((one) => "put" in one && one.put === key) as { value: string } | undefined;
  assert.ok(write, `${key} is not written`);
  return JSON.parse(write.value) as T;
}

function deletes(txn: Txn, key: string): boolean {
  return txn.writes.some((write) => "delete" in write && write.delete === key);
}

/** Every write of an agent holds only while its own session does. */
function assertOwnSession(txn: Txn): void {
  assert.equal(compares(txn, keys.session("b")), me.record);
  assert.equal(compares(txn, keys.fence("b", "b-1")), 0);
}

describe("What records who alone may take a container", () => {
  const listed = { ...containerOf(), failsafe: rec({ members: ["a", "b"] }, 14) };

  it("holds only while the owner and the list are those that were read", () => {
    const txn = failsafeWrites(me, listed, ["a", "b", "c"]);
    assert.equal(compares(txn, keys.owner("db")), 11);
    assert.equal(compares(txn, keys.failsafe("db")), 14);
    assert.deepEqual(written(txn, keys.failsafe("db")), { members: ["a", "b", "c"] });
    assert.equal(compares(failsafeWrites(me, containerOf(), ["a"]), keys.failsafe("db")), 0);
  });

  it("deletes the list where nobody is asked any more, and with the container", () => {
    assert.ok(deletes(failsafeWrites(me, listed, null), keys.failsafe("db")));
    assert.ok(deletes(forgetTxn(me, { ...listed, spec: null }, null), keys.failsafe("db")));
  });

  it("is compared by who takes the container over", () => {
    const take = { fence: tombstone, at: AT, reason: "a is fenced" };
    assert.equal(compares(takeOverTxn(me, listed, take).txn, keys.failsafe("db")), 14);
    assert.equal(compares(takeOverTxn(me, containerOf(), take).txn, keys.failsafe("db")), undefined);
  });
});

describe("The transaction that fences", () => {
  const txn = fenceTxn(me, hostOf("a"), 3, tombstone.value);

  it("holds only if the heartbeat is the one that was seen and the session the same and not fenced", () => {
    assert.equal(compares(txn, keys.heartbeat("a")), 3);
    assert.equal(compares(txn, keys.session("a")), 2);
    assert.equal(compares(txn, keys.fence("a", "a-1")), 0);
    assertOwnSession(txn);
  });

  it("writes the tombstone of that session and nothing else", () => {
    assert.deepEqual(written(txn, keys.fence("a", "a-1")), tombstone.value);
    assert.equal(txn.writes.length, 1);
  });
});

describe("The transaction that takes a container over", () => {
  const take = (container = containerOf(), fence: typeof tombstone | null = tombstone) =>
    takeOverTxn(me, container, { fence, at: AT, reason: "a is fenced" }).txn;

  it("holds only for the owner, the generation, the specification and the tombstone that were seen", () => {
    const txn = take();
    assert.equal(compares(txn, keys.owner("db")), 11);
    assert.equal(compares(txn, keys.generation("db")), 12);
    assert.equal(compares(txn, keys.spec("db")), 10);
    assert.equal(compares(txn, keys.fence("a", "a-1")), 20);
    assertOwnSession(txn);
  });

  it("raises the epoch by one and names the generation that is restored", () => {
    const owner = written<Owner>(take(), keys.owner("db"));
    assert.equal(owner.epoch, 8);
    assert.equal(owner.phase, "RESTORING");
    assert.deepEqual([owner.host, owner.sid], ["b", "b-1"]);
    assert.deepEqual(owner.gen, { epoch: 7, gen: 3 });
    assert.deepEqual(owner.lastFailover, { from: "a", to: "b", at: AT, reason: "a is fenced" });
  });

  it("holds only for an absent generation where none was seen", () =>
    assert.equal(compares(take(containerOf({ generation: null })), keys.generation("db")), 0));

  it("drops a generation of another specification, which begins cold", () => {
    const txn = take(containerOf({ spec: changedSpec }));
    assert.equal(written<Owner>(txn, keys.owner("db")).gen, null);
    assert.ok(deletes(txn, keys.generation("db")));
  });

  it("needs no tombstone for what its owner gave up, and remembers who has tried", () => {
    const container = containerOf({ owner: { phase: "STOPPED", triedHosts: ["a"] } });
    const txn = take(container, null);
    assert.equal(compares(txn, keys.fence("a", "a-1")), undefined);
    assert.deepEqual(written<Owner>(txn, keys.owner("db")).triedHosts, ["a"]);
  });

  it("forgets who has tried when the specification changed since", () => {
    const container = containerOf({ spec: changedSpec, owner: { phase: "FAILED", triedHosts: ["a", "b"] } });
    assert.deepEqual(written<Owner>(take(container), keys.owner("db")).triedHosts, []);
  });

  it("is no failover when the host itself begins a new session", () => {
    const container = containerOf({ owner: { host: "b", sid: "b-0" } });
    assert.equal(written<Owner>(take(container), keys.owner("db")).lastFailover, null);
  });
});

describe("The transaction that begins anew on the same host", () => {
  const again = (change: { cold?: boolean; container?: ReturnType<typeof containerOf> } = {}) =>
    beginAgainTxn(me, change.container ?? containerOf({ owner: { host: "b", sid: "b-1" } }), {
      cold: change.cold ?? false,
      tries: 2,
      at: AT,
      reason: "it crashed",
    });

  it("raises the epoch and keeps the generation for a restore", () => {
    const owner = written<Owner>(again(), keys.owner("db"));
    assert.deepEqual([owner.epoch, owner.gen, owner.tries], [8, { epoch: 7, gen: 3 }, 2]);
    assert.ok(!deletes(again(), keys.generation("db")));
    assertOwnSession(again());
  });

  it("leaves the generation where it is for a cold beginning, until that serves", () => {
    const txn = again({ cold: true });
    assert.equal(written<Owner>(txn, keys.owner("db")).gen, null);
    assert.ok(!deletes(txn, keys.generation("db")));
    assert.deepEqual(coldWrites(me, containerOf()), [{ delete: keys.generation("db") }]);
  });
});

describe("The first owner of a container", () => {
  it("is written only where there is none, above every epoch that the name may have had", () => {
    const container = containerOf({ owner: null, generation: null, standbys: null });
    const txn = claimTxn(me, container, AT);
    assert.equal(compares(txn, keys.owner("db")), 0);
    assert.equal(written<Owner>(txn, keys.owner("db")).epoch, container.spec!.rev);
    assertOwnSession(txn);
  });
});

describe("The transaction that commits a generation", () => {
  it("holds only for the owner and the generation before it, under the own session", () => {
    const container = containerOf({ owner: { host: "b", sid: "b-1" } });
    const generation: Generation = generationOf({ gen: 4 });
    const txn = commitTxn(me, container, generation);
    assert.equal(compares(txn, keys.owner("db")), 11);
    assert.equal(compares(txn, keys.generation("db")), 12);
    assert.deepEqual(written(txn, keys.generation("db")), generation);
    assertOwnSession(txn);
  });
});

describe("A change of phase", () => {
  it("keeps the epoch and everything else of the owner", () => {
    const container = containerOf({ owner: { host: "b", sid: "b-1", phase: "RESTORING" } });
    const txn = phaseWrites(me, container, { phase: "RUNNING", reason: "serves" }, AT);
    assert.equal(compares(txn, keys.owner("db")), 11);
    assert.deepEqual(written(txn, keys.owner("db")), {
      ...container.owner!.value,
      phase: "RUNNING",
      reason: "serves",
      since: AT,
    });
  });
});

describe("The transaction that forgets a container", () => {
  it("holds only while there is no specification, and for an owner that can own no more", () => {
    const container = containerOf({ spec: null });
    const txn = forgetTxn(me, container, tombstone);
    assert.equal(compares(txn, keys.spec("db")), 0);
    assert.equal(compares(txn, keys.owner("db")), 11);
    assert.equal(compares(txn, keys.fence("a", "a-1")), 20);
    for (const key of [keys.owner, keys.generation, keys.standbys, keys.schedule, keys.migration])
      assert.ok(deletes(txn, key("db")));
    assertOwnSession(txn);
  });
});

describe("The transaction that begins a session", () => {
  const session = { sid: "a-2", bootId: "boot-2", started: AT, version: "0.1.0" };
  const end = { by: "a", method: "reboot" as const, at: AT };
  const begin = (host: ReturnType<typeof hostOf> | undefined) =>
    sessionTxn(host, { group: "sim", name: "a", session, tombstone: end });

  it("writes the tombstone of the session that it replaces, in the same transaction", () => {
    const txn = begin(hostOf("a"));
    assert.equal(compares(txn, keys.session("a")), 2);
    assert.deepEqual(written(txn, keys.session("a")), session);
    assert.deepEqual(written(txn, keys.fence("a", "a-1")), end);
  });

  it("leaves a tombstone that is there already as it is", () =>
    assert.equal(begin(hostOf("a", { fence: tombstone.value })).writes.length, 1));

  it("holds on a new host only while no other agent has begun one there", () => {
    const txn = begin(undefined);
    assert.equal(compares(txn, keys.session("a")), 0);
    assert.equal(txn.writes.length, 1);
  });
});

describe("The digest that decides whether old memory fits", () => {
  it("is what the owner record remembers of the life it began", () => {
    const txn = claimTxn(me, containerOf({ owner: null }), AT);
    assert.equal(written<Owner>(txn, keys.owner("db")).specDigest, specDigest(specOf()));
  });
});
