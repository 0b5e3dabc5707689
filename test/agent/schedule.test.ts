import assert from "node:assert/strict";
import { nextDue, overdue } from "../../provider/agent/schedule";
import type { Schedule } from "../../provider/contract";
import { AT, containerOf, rec } from "./support/views";

const HOUR = 3_600_000;

describe("The age of the newest generation", () => {
  const wall = (ms: number) => new Date(Date.parse(AT) + ms).toISOString();
  const scheduled = (schedule: Partial<Schedule>) => ({
    ...containerOf(),
    schedule: rec({ retain: 1, stack: "p/dev", ...schedule }),
  });

  it("is too old two minutes after the second one in a row did not come about", () => {
    assert.equal(overdue(scheduled({ intervalMs: 5000 }), wall(129_999)), null);
    assert.match(overdue(scheduled({ intervalMs: 5000 }), wall(130_000))!, /is 130 s old/);
    assert.equal(overdue(containerOf(), wall(139_000)), null, "the default is 10 s");
    assert.notEqual(overdue(containerOf(), wall(140_000)), null);
  });

  it("goes by the runs of a cron expression", () => {
    const hourly = scheduled({ cron: "30 * * * *" });
    assert.equal(overdue(hourly, wall(1.5 * HOUR + 119_000)), null);
    assert.notEqual(overdue(hourly, wall(1.5 * HOUR + 120_000)), null);
  });

  it("is none where there is no generation, or no second run", () => {
    assert.equal(overdue(containerOf({ generation: null }), wall(HOUR)), null);
    assert.equal(nextDue({ cron: "0 0 30 2 *" }, Date.parse(AT)), Number.POSITIVE_INFINITY);
  });
});
