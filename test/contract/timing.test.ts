import assert from "node:assert/strict";
import fc from "fast-check";
import {
  check,
  fenceAfterMs,
  GATE_SLACK_MS,
  leastFenceMs,
  type Timing,
  timingOf,
  timingSchema,
} from "../../provider/contract";

const timing = timingOf("default", false);

function faults(change: Partial<Timing>): string[] {
  const result = check(timingSchema, { ...timing, ...change });
  return result.ok ? [] : result.faults.map(({ path, message }) => `${path}: ${message}`);
}

describe("The timings of a group", () => {
  it("satisfy W >= L * (1 + r) + g in every profile", () => {
    for (const profile of ["fast", "default"] as const) {
      for (const disciplined of [true, false]) {
        const { leaseMs, fenceMs, clockDrift } = timingOf(profile, disciplined);
        assert.ok(fenceMs >= leaseMs * (1 + clockDrift) + GATE_SLACK_MS);
        assert.ok(check(timingSchema, timingOf(profile, disciplined)).ok);
      }
    }
  });

  it("use the shortest lease only where the discipline of every clock is known", () => {
    assert.ok(timingOf("fast", true).leaseMs < timingOf("fast", false).leaseMs);
    assert.ok(timingOf("fast", false).clockDrift >= 0.18);
  });

  it("are refused one millisecond below the inequality, with the least that would do", () => {
    assert.deepEqual(faults({ fenceMs: 2420 }), []);
    assert.deepEqual(faults({ fenceMs: 2419 }), [
      "fenceMs: expected at least leaseMs * (1 + clockDrift) + 20 = 2420, got 2419",
    ]);
  });

  it("are refused where a lease leaves no room for a lost renewal, or an election for lost heartbeats", () => {
    assert.deepEqual(faults({ intervalMs: 700 }), [
      "leaseMs: expected at least three intervals = 2100, got 2000",
    ]);
    assert.deepEqual(faults({ etcdElectionMs: 249 }), [
      "etcdElectionMs: expected at least five etcd heartbeats = 250, got 249",
    ]);
  });

  it("are refused where old kernels would take the timeout for none", () => {
    assert.match(
      faults({ leaseMs: 150, intervalMs: 50 })[0]!,
      /^leaseMs: expected whole milliseconds from 200/,
    );
  });

  it("assume undisciplined clocks where nothing is said", () => {
    const { clockDrift: _, ...rest } = timing;
    assert.equal(timingSchema.parse(rest).clockDrift, 0.2);
  });
});

describe("How long an observer waits", () => {
  it("is never shorter than what the announced lease needs, whatever the own setting", () =>
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 60_000 }), (announced) => {
        const wait = fenceAfterMs(timing, announced);
        assert.ok(wait >= leastFenceMs({ leaseMs: announced, clockDrift: timing.clockDrift }));
        assert.ok(wait >= timing.fenceMs);
      }),
    ));
});
