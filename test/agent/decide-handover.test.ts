import assert from "node:assert/strict";
import { decide } from "../../provider/agent/decide";
import { handoverStage, type Move, TAKE_BACK_MS } from "../../provider/agent/decide-handover";
import { containerOf, copyOf, inputOf, migrationOf, preparedCopy, rec, servingCopy } from "./support/views";

const migration = rec(migrationOf());
const before = { ...containerOf(), migration };
const after = {
  ...containerOf({ owner: { host: "b", sid: "b-1", epoch: 8, phase: "RESTORING" } }),
  migration,
};
const move: Move = { id: "m1", to: "b", ready: true, outcome: null };
const frozen = (change = {}) => copyOf({ state: "frozen", mac: "real", move, ...change });
const heldForIt = copyOf({ state: "held", mac: "parked", heldFor: "m1" });

describe("A handover, as its source sees it", () => {
  it("begins when the target is ready and no checkpoint or probe is under way", () => {
    const input = (change: object) =>
      inputOf("a", { container: before, copy: servingCopy({ move, ...change }) });
    assert.equal(decide(input({})).do, "hand-over");
    assert.equal(decide(input({ checkpointing: true })).do, "nothing");
    assert.equal(decide(input({ probing: 1 })).do, "nothing");
    assert.notEqual(decide(input({ move: { ...move, ready: false } })).do, "hand-over");
  });

  it("does not keep it from answering a crash while the target prepares", () => {
    const copy = copyOf({ state: "exited", mac: "real", move: { ...move, ready: false } });
    assert.equal(decide(inputOf("a", { container: before, copy })).do, "begin-again");
  });

  it("is rolled back when an earlier agent began it, when it failed, and when it left the copy frozen", () => {
    const rollsBack = (copy: ReturnType<typeof copyOf>) =>
      assert.equal(decide(inputOf("a", { container: before, copy })).do, "roll-back");
    rollsBack(servingCopy());
    rollsBack(servingCopy({ move: { ...move, outcome: { ok: false, reason: "the disk is full" } } }));
    rollsBack(frozen());
    rollsBack(frozen({ move: null }));
  });

  it("is left alone while the lease has lapsed", () =>
    assert.equal(decide(inputOf("a", { container: before, copy: frozen(), lapsed: true })).do, "nothing"));

  it("is taken back when the target does not run it in time, at once when nobody knows since when", () => {
    const decides = (copy: ReturnType<typeof copyOf>) =>
      decide(inputOf("a", { container: after, copy, now: 1000 })).do;
    assert.equal(decides(frozen({ handedOverAt: 1000 - TAKE_BACK_MS + 1 })), "nothing");
    assert.equal(decides(frozen({ handedOverAt: 1000 - TAKE_BACK_MS })), "take-back");
    assert.equal(decides(frozen({ move: null })), "take-back");
  });

  it("ends with the removal of the frozen copy when the target runs it", () => {
    const container = containerOf({ owner: { host: "b", sid: "b-1", epoch: 8 } });
    assert.equal(decide(inputOf("a", { container, copy: frozen() })).do, "evict");
  });

  it("leaves the frozen copy to go on after it was given back, and restores where it is gone", () => {
    const container = containerOf({ owner: { epoch: 9, phase: "RESUMING" } });
    assert.equal(decide(inputOf("a", { container, copy: frozen() })).do, "resume");
    assert.equal(decide(inputOf("a", { container, copy: copyOf({ state: "exited" }) })).do, "begin-again");
  });
});

describe("A handover, as its target sees it", () => {
  it("leaves the copy to the source's requests until the target owns it", () => {
    for (const copy of [preparedCopy(), heldForIt, copyOf({ state: "absent" })])
      assert.equal(decide(inputOf("b", { container: before, copy })).do, "nothing");
  });

  it("stands back when the source is suspected: its named generation may be needed", () => {
    const input = inputOf("b", { container: before, copy: preparedCopy(), suspects: new Set(["a"]) });
    assert.equal(decide(input).do, "hold");
    const fence = { seenAt: 100_000, waitMs: 0 };
    assert.equal(decide(inputOf("b", { container: before, copy: heldForIt, fence })).do, "take-over");
  });

  it("ends with the target running what it holds for it, and is given back when it holds nothing", () => {
    const decides = (copy: ReturnType<typeof copyOf>) => decide(inputOf("b", { container: after, copy })).do;
    assert.equal(decides(heldForIt), "take");
    assert.equal(decides({ ...heldForIt, heldFor: "m0" }), "give-back");
    assert.equal(decides(preparedCopy()), "give-back");
  });

  it("ends with its last word to the copy when the agent died between the gate and that word", () => {
    const container = containerOf({ owner: { host: "b", sid: "b-1", epoch: 8 } });
    const copy = copyOf({ state: "held", mac: "real" });
    assert.equal(decide(inputOf("b", { container, copy })).do, "release");
  });
});

describe("The record of a handover", () => {
  it("means nothing when the owner is another one, or began anew", () => {
    const stageOf = (owner: Parameters<typeof containerOf>[0]) =>
      handoverStage({ ...containerOf(owner), migration });
    assert.equal(stageOf({}), "before");
    assert.equal(stageOf({ owner: { epoch: 8, phase: "RESTORING" } }), "void");
    assert.equal(stageOf({ owner: { host: "c", sid: "c-1", epoch: 8, phase: "RESTORING" } }), "void");
    assert.equal(stageOf({ owner: { sid: "a-2" } }), "void");
    const container = { ...containerOf({ owner: { epoch: 9 } }), migration };
    assert.equal(decide(inputOf("a", { container, copy: servingCopy() })).do, "roll-back");
  });

  it("does not keep another host from taking over when the source is fenced", () => {
    const fence = { seenAt: 0, waitMs: 0 };
    assert.equal(decide(inputOf("c", { container: before, copy: preparedCopy(), fence })).do, "take-over");
  });
});
