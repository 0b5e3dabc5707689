import assert from "node:assert/strict";
import { type Decision, decide, type LocalCopy } from "../../provider/agent/decide";
import { specDigest } from "../../provider/contract";
import { specOf } from "../sim/group";
import { containerOf, copyOf, inputOf, migrationOf, preparedCopy, rec } from "./support/views";

const suspects = new Set(["a"]);
const fence = { seenAt: 90_000, waitMs: 0 };
const candidates = ["a", "b", "c"];
const warmSpec = { ...specOf({ standby: "warm" }), candidates };
const held = (change: Partial<LocalCopy> = {}) =>
  copyOf({ state: "held", mac: "parked", held: { epoch: 7, gen: 3 }, heldSince: 99_000, ...change });
const warm = (change: Partial<LocalCopy> = {}) =>
  copyOf({ state: "warm", mac: "parked", held: { epoch: 7, gen: 3 }, warmMb: 70, ...change });

describe("A standby that keeps a warm copy", () => {
  const container = containerOf({ spec: warmSpec });
  const does = (expected: Decision["do"], change: Parameters<typeof inputOf>[1]) =>
    assert.equal(decide(inputOf("b", { container, ...change })).do, expected);

  it("restores and freezes the committed generation as soon as its files are here", () => {
    does("warm", {});
    does("scrub", { stored: new Set(["7-2"]) });
    does("prepare", { copy: copyOf() });
  });

  it("waits with it, in a suspicion too", () => {
    does("nothing", { copy: warm() });
    does("nothing", { copy: warm(), suspects });
  });

  it("renews it when another generation is named, but keeps the old one until the files are here", () => {
    const old = warm({ held: { epoch: 7, gen: 2 } });
    does("warm", { copy: old });
    does("warm", { copy: warm({ held: null }) });
    does("scrub", { copy: old, stored: new Set(["7-2"]) });
  });

  it("restores what is named and holds it when the owner is suspected before the copy was renewed", () => {
    does("hold", { copy: warm({ held: { epoch: 7, gen: 2 } }), suspects });
    does("hold", { suspects });
  });

  it("keeps what it held in a suspicion that was false, and what was held for long", () => {
    does("warm", { copy: held() });
    does("warm", { copy: held({ heldSince: 94_000 }), suspects });
    does("discard", { copy: held({ held: { epoch: 7, gen: 2 } }) });
  });

  it("does not try again at once after a restore that failed", () =>
    does("nothing", { copy: { ...preparedCopy(), noHoldBefore: 100_001 } }));

  it("waits after an attempt to prepare the copy that failed", () =>
    does("nothing", { copy: { ...preparedCopy(), state: "absent", noPrepareBefore: 100_001 } }));

  it("stays cold while the host has no room for it, and counts what the old copy gives back", () => {
    does("nothing", { freeMb: 300 });
    does("warm", { copy: warm({ held: { epoch: 7, gen: 2 } }), freeMb: 300 });
    does("discard", { copy: warm({ held: { epoch: 7, gen: 2 } }), freeMb: 200 });
  });

  it("lets it go when it is no standby any more, when no warm copy is asked for, and with the memory's specification", () => {
    does("evict", { copy: warm(), container: containerOf({ spec: warmSpec, standbys: ["c"] }) });
    does("discard", { copy: warm(), container: containerOf() });
    does("discard", { copy: warm(), container: containerOf({ spec: warmSpec, generation: null }) });
    const changed = { ...specOf({ standby: "warm", image: "redis:8" }), candidates };
    does("prepare", { copy: warm(), container: containerOf({ spec: changed }) });
  });

  it("leaves the copy to a handover that is on its way", () =>
    does("nothing", { container: { ...container, migration: rec(migrationOf()) } }));

  it("takes over with it without waiting for its turn, and with the files while it is old", () => {
    const others = containerOf({
      spec: warmSpec,
      standbys: ["c", "b"],
      generation: { holders: ["a", "b", "c"] },
    });
    const now = { seenAt: 100_000, waitMs: 0 };
    does("take-over", { container: others, copy: warm(), fence: now, candidates: ["c", "b"] });
    const old = warm({ held: { epoch: 7, gen: 2 } });
    assert.notEqual(
      decide(inputOf("b", { container: others, copy: old, fence: now, candidates: ["c", "b"] })).do,
      "take-over",
    );
    does("take-over", { copy: old, fence });
  });

  it("removes a frozen copy that is none of its own making", () => {
    does("evict", { copy: warm({ mac: "real" }) });
    does("evict", { copy: copyOf({ state: "frozen", mac: "parked" }) });
  });
});

describe("The way a standby is kept", () => {
  it("is no part of what makes old memory wrong", () =>
    assert.equal(specDigest(specOf({ standby: "warm" })), specDigest(specOf())));
});
