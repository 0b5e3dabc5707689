import assert from "node:assert/strict";
import {
  type ClockSamples,
  clockRateDifference,
  isClockAlarm,
  sampled,
} from "../../provider/agent/clock-rate";

/** Heartbeats every 100 ms for so long from a peer whose clock has this rate; `delay` of the n-th one, ms. */
function heard(ms: number, rate: number, delay: (n: number) => number = () => 1, sid = "s"): ClockSamples {
  let samples: ClockSamples | undefined;
  for (let n = 0; n * 100 <= ms; n++) {
    const at = n * 100;
    samples = sampled(samples, { sid, sentAt: 5000 + at * rate }, at + delay(n));
  }
  return samples!;
}

describe("The rate of a peer's clock", () => {
  it("is not told before it was measured for long enough", () => {
    assert.equal(clockRateDifference(heard(14_000, 1.1)), null);
  });

  it("is told within a tenth of a percent, faster and slower", () => {
    for (const rate of [0.9, 0.97, 1, 1.03, 1.1]) {
      const difference = clockRateDifference(heard(30_000, rate))!;
      assert.ok(Math.abs(difference - (rate - 1)) < 0.001, `${rate}: ${difference}`);
    }
  });

  it("is told as well where most heartbeats are delayed by half a second", () => {
    const difference = clockRateDifference(heard(30_000, 1, (n) => (n % 7 === 0 ? 2 : 500)))!;
    assert.ok(Math.abs(difference) < 0.001, String(difference));
  });

  it("raises no alarm for a way that became longer and stays so", () => {
    assert.ok(
      !isClockAlarm(
        heard(40_000, 1, (n) => (n < 200 ? 1 : 150)),
        0.05,
      ),
    );
  });

  it("raises no alarm for what came late while this process started, however short the rest of that span was", () => {
    const late = sampled(undefined, { sid: "s", sentAt: 5000 + 4_900 - 600 }, 4_900);
    let samples = late;
    for (let at = 5_000; at <= 30_000; at += 100)
      samples = sampled(samples, { sid: "s", sentAt: 5000 + at - 1 }, at);
    assert.ok(Math.abs(clockRateDifference(samples)!) < 0.001);
  });

  it("raises the alarm above half of what W allows for, and not below", () => {
    assert.ok(!isClockAlarm(heard(30_000, 1.02), 0.05));
    assert.ok(isClockAlarm(heard(30_000, 1.03), 0.05));
    assert.ok(isClockAlarm(heard(30_000, 0.97), 0.05));
    assert.ok(!isClockAlarm(heard(30_000, 1.03), 0.2));
  });

  it("is measured anew in a new session, whose host may have been restarted", () => {
    const before = heard(30_000, 1.1);
    const after = sampled(before, { sid: "t", sentAt: 3 }, 30_200);
    assert.equal(clockRateDifference(after), null);
  });
});
