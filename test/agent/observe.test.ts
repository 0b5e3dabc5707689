import assert from "node:assert/strict";
import {
  isLive,
  isOverdue,
  mayFence,
  noObservations,
  type Observations,
  observe,
  untilFence,
} from "../../provider/agent/observe";
import { timingOf } from "../../provider/contract";
import { containerOf, hostOf, rec, viewOf } from "./support/views";

const timing = timingOf("default", false);
const W = timing.fenceMs;

/** Reads the same view each 250 ms from one time to another. */
function readUntil(before: Observations, view: Parameters<typeof observe>[1], from: number, to: number) {
  let observations = before;
  for (let now = from; now <= to; now += 250) observations = observe(observations, view, timing, now);
  return observations;
}

function heartbeat(rev: number, leaseMs = 2000, sid = "a-1") {
  return { ...hostOf("a"), heartbeat: rec({ sid, n: rev, leaseMs }, rev) };
}

describe("An observer of a heartbeat key", () => {
  it("may fence when it has seen the same revision for W, and not before", () => {
    const seen = readUntil(noObservations, viewOf([heartbeat(5)]), 1000, 4000);
    assert.ok(!mayFence(seen, "a", timing, 1000 + W - 1));
    assert.ok(mayFence(seen, "a", timing, 1000 + W));
  });

  it("knows how long W still is, of the first of those that it counts", () => {
    const other = { ...hostOf("b"), heartbeat: rec({ sid: "b-1", n: 1, leaseMs: 2000 }, 7) };
    const seen = observe(noObservations, viewOf([heartbeat(5)]), timing, 1000);
    const both = observe(seen, viewOf([heartbeat(5), other]), timing, 1100);
    assert.equal(untilFence(both, timing, 1100), W - 100);
    assert.equal(untilFence(both, timing, 1000 + W), 100);
    assert.equal(untilFence(both, timing, 1100 + W), Number.POSITIVE_INFINITY);
  });

  it("counts anew from the receipt of each new revision", () => {
    const first = readUntil(noObservations, viewOf([heartbeat(5)]), 0, 2000);
    const second = observe(first, viewOf([heartbeat(6)]), timing, 2250);
    assert.ok(!mayFence(second, "a", timing, 2250 + W - 1));
  });

  it("waits for the lease that the owner announces, not only for its own setting", () => {
    const seen = readUntil(noObservations, viewOf([heartbeat(5, 10_000)]), 0, 1000);
    assert.ok(!mayFence(seen, "a", timing, 12_019));
    assert.ok(mayFence(seen, "a", timing, 12_020));
  });

  it("does not wait less than its own setting for an owner with a shorter lease", () => {
    const seen = readUntil(noObservations, viewOf([heartbeat(5, 500)]), 0, 1000);
    assert.ok(!mayFence(seen, "a", timing, W - 1));
  });

  it("counts anew after a gap of more than W/2 between two good reads", () => {
    const seen = readUntil(noObservations, viewOf([heartbeat(5)]), 0, 1000);
    const gapless = observe(seen, viewOf([heartbeat(5)]), timing, 1000 + W / 2);
    assert.equal(gapless.hosts.get("a")!.seenAt, 0);
    const after = observe(seen, viewOf([heartbeat(5)]), timing, 1001 + W / 2);
    assert.equal(after.hosts.get("a")!.seenAt, 1001 + W / 2);
  });

  it("knows that a key is overdue although every gap starts the count anew", () => {
    const gap = W / 2 + 1;
    const first = observe(noObservations, viewOf([heartbeat(5)]), timing, 1000);
    const second = observe(first, viewOf([heartbeat(5)]), timing, 1000 + gap);
    assert.ok(!isOverdue(first, "a", timing, 1000));
    assert.ok(isOverdue(second, "a", timing, 1000 + gap));
    assert.ok(!mayFence(second, "a", timing, 1000 + W));
    const renewed = observe(second, viewOf([heartbeat(6)]), timing, 1000 + 2 * gap);
    assert.ok(!isOverdue(renewed, "a", timing, 1000 + 2 * gap));
    assert.ok(!isOverdue(second, "a", timing, 1000 + 10 * W));
  });

  it("counts anew for a new session whose first heartbeat has not come yet", () => {
    const seen = readUntil(noObservations, viewOf([heartbeat(5)]), 0, 5000);
    const reborn = {
      ...heartbeat(5),
      session: rec({ sid: "a-2", bootId: "x", started: "", version: "" }, 9),
    };
    const after = observe(seen, viewOf([reborn]), timing, 5250);
    assert.ok(!mayFence(after, "a", timing, 5250));
    assert.ok(!isLive(viewOf([reborn]), after, "a", timing, 5250));
  });

  it("may fence a session that never wrote a heartbeat, after W", () => {
    const silent = { ...hostOf("a"), heartbeat: null };
    const seen = readUntil(noObservations, viewOf([silent]), 0, 2500);
    assert.equal(seen.hosts.get("a")!.rev, 0);
    assert.ok(!mayFence(seen, "a", timing, W - 1));
    assert.ok(mayFence(seen, "a", timing, W));
  });

  it("remembers when it first read a tombstone, also over a gap", () => {
    const fence = { by: "x", method: "operator" as const, at: "" };
    const seen = observe(noObservations, viewOf([hostOf("a", { fence })]), timing, 100);
    const later = observe(seen, viewOf([hostOf("a", { fence })]), timing, 60_000);
    assert.equal(later.fences.get("a/a-1"), 100);
  });

  it("remembers since when a container is given up, anew for each giving up", () => {
    const stopped = containerOf({ owner: { phase: "STOPPED" } });
    const seen = observe(noObservations, viewOf([], [stopped]), timing, 100);
    assert.equal(observe(seen, viewOf([], [stopped]), timing, 300).stopped.get("db")!.seenAt, 100);
    const again = { ...stopped, owner: rec(stopped.owner!.value, 99) };
    assert.equal(observe(seen, viewOf([], [again]), timing, 300).stopped.get("db")!.seenAt, 300);
    assert.equal(observe(seen, viewOf([], [containerOf()]), timing, 300).stopped.size, 0);
  });

  it("takes a host for live only while its present session renews and has no tombstone", () => {
    const live = (host: ReturnType<typeof hostOf>) => {
      const view = viewOf([host]);
      return isLive(view, observe(noObservations, view, timing, 0), "a", timing, 100);
    };
    assert.ok(live(hostOf("a")));
    assert.ok(!live(hostOf("a", { fence: { by: "b", method: "timeout", at: "" } })));
    assert.ok(!live(heartbeat(5, 2000, "a-0")));
    assert.ok(!live({ ...hostOf("a"), session: null }));
  });
});
