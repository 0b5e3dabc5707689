import assert from "node:assert/strict";
import { createJobs } from "../../../../provider/agent/env/runtime/jobs";

describe("commands that an engine is busy with", () => {
  it("are known until they are over, also when they fail", async () => {
    const jobs = createJobs();
    const job = jobs.begin("r1", () => Promise.reject(new Error("no space")));
    assert.equal(jobs.of("r1"), job);
    await job.over;
    assert.equal(jobs.of("r1"), undefined);
    assert.equal(job.error?.message, "no space");
  });

  it("are one at a time for a container", async () => {
    const jobs = createJobs();
    const job = jobs.begin("r1", async () => undefined);
    assert.throws(() => jobs.begin("r1", async () => undefined), /has not ended yet/);
    await job.over;
    await jobs.begin("r1", async () => undefined).over;
  });

  it("learn that the container's death was asked for, before and while they run", async () => {
    const jobs = createJobs();
    jobs.noteKill("r1");
    assert.equal(jobs.kills("r1"), 1);
    const job = jobs.begin("r1", async () => undefined);
    assert.equal(job.killed, false);
    jobs.noteKill("r1");
    assert.equal(job.killed, true);
    assert.equal(jobs.kills("r2"), 0);
    await job.over;
  });
});
