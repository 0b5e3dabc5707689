import assert from "node:assert/strict";
import { flapsAfter, holdDownMs } from "../../provider/agent/hold-down";
import type { Fence } from "../../provider/contract";
import { AT, hostOf, rec } from "./support/views";

const session = (flaps?: number) => ({ sid: "a-1", bootId: "boot", started: AT, version: "0.1.0", flaps });
const fence = (minutes: number, change: Partial<Fence> = {}): Fence => ({
  by: "b",
  method: "timeout",
  at: new Date(Date.parse(AT) + minutes * 60_000).toISOString(),
  ...change,
});
const back = (flaps: number | undefined, renewals: number) => ({
  ...hostOf("a"),
  session: rec(session(flaps)),
  heartbeat: rec({ sid: "a-1", n: renewals, leaseMs: 2000 }),
});

describe("A host that comes back", () => {
  it("counts how often in a row it was fenced soon after it had begun", () => {
    assert.equal(flapsAfter(session(), fence(1), "a"), 1);
    assert.equal(flapsAfter(session(1), fence(1), "a"), 2);
    assert.equal(flapsAfter(session(4), fence(11), "a"), 1);
  });

  it("does not count sessions that it ended itself, or that nobody ended", () => {
    assert.equal(flapsAfter(session(3), fence(1, { by: "a", method: "reboot" }), "a"), 0);
    assert.equal(flapsAfter(session(3), null, "a"), 0);
  });

  it("is held down for 30 s, then twice as long each time, at most 10 min", () => {
    const of = (flaps: number) => holdDownMs(back(flaps, 0), 100);
    assert.deepEqual([1, 2, 3, 5, 6, 40].map(of), [30_000, 60_000, 120_000, 480_000, 600_000, 600_000]);
  });

  it("is a candidate again when its session has renewed for that long", () => {
    assert.equal(holdDownMs(back(1, 120), 250), 0);
    assert.equal(holdDownMs(back(1, 100), 250), 5000);
  });

  it("has the whole time before it while its heartbeat is still that of the session before", () => {
    assert.equal(
      holdDownMs({ ...back(1, 0), heartbeat: rec({ sid: "a-0", n: 999, leaseMs: 2000 }) }, 250),
      30_000,
    );
  });

  it("is not held down where its agent, of an earlier version, told nothing of it", () => {
    assert.equal(holdDownMs(back(undefined, 0), 250), 0);
  });
});
