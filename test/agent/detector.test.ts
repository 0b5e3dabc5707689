import assert from "node:assert/strict";
import { type Arrivals, arrived, lateAt, suspected } from "../../provider/agent/detector";

const intervalMs = 100;
const steady = { intervalMs, ownLagMs: 0 };

/** Heartbeats at a regular interval, with what `jitter` adds to each. */
function heartbeats(count: number, jitter: (n: number) => number = () => 0): Arrivals {
  let arrivals: Arrivals | undefined;
  for (let n = 0; n < count; n++) arrivals = arrived(arrivals, "a-1", n * intervalMs + jitter(n));
  return arrivals!;
}

describe("Suspicion by heartbeats", () => {
  it("comes within half a second of the last of regular heartbeats", () => {
    const arrivals = heartbeats(100);
    const silent = (ms: number) => suspected(arrivals, { ...steady, now: arrivals.lastAt + ms });
    assert.ok(!silent(250));
    assert.ok(silent(500));
  });

  it("is preceded by a heartbeat that is late, which none of regular ones is", () => {
    const arrivals = heartbeats(100);
    assert.ok(lateAt(arrivals, intervalMs) > arrivals.lastAt + intervalMs);
    assert.ok(!suspected(arrivals, { ...steady, now: lateAt(arrivals, intervalMs) }));
  });

  it("comes later where heartbeats have always been irregular", () => {
    const arrivals = heartbeats(100, (n) => (n % 3) * 60);
    assert.ok(!suspected(arrivals, { ...steady, now: arrivals.lastAt + 450 }));
    assert.ok(suspected(arrivals, { ...steady, now: arrivals.lastAt + 2000 }));
  });

  it("does not come for a lag of this process itself", () => {
    const arrivals = heartbeats(100);
    const now = arrivals.lastAt + 600;
    assert.ok(suspected(arrivals, { ...steady, now }));
    assert.ok(!suspected(arrivals, { intervalMs, ownLagMs: 400, now }));
  });

  it("comes for a host that was heard only once or twice, and for none that was never heard", () => {
    assert.ok(suspected(heartbeats(2), { ...steady, now: 1000 }));
    assert.ok(!suspected(undefined, { ...steady, now: 1000 }));
  });

  it("starts over with a new session", () => {
    const arrivals = arrived(heartbeats(100), "a-2", 60_000);
    assert.deepEqual(arrivals, { sid: "a-2", lastAt: 60_000, gaps: [] });
  });

  it("looks back over a bounded window", () => assert.ok(heartbeats(1000).gaps.length <= 200));
});
