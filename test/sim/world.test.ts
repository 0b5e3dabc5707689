import assert from "node:assert/strict";
import { specOf } from "./group";
import { createWorld } from "./world";

describe("A container of three hosts", () => {
  it("is claimed by its preferred host, which commits a generation on a standby", async () => {
    const world = await createWorld();
    await world.protect(specOf({ preferredHost: "b" }));
    assert.deepEqual(world.answering(), ["b"]);
    const { generation, standbys, owner } = world.view().containers.get("db")!;
    assert.equal(owner!.value.phase, "RUNNING");
    assert.equal(standbys!.value.hosts.length, 1);
    assert.deepEqual(generation!.value.holders, ["b", ...standbys!.value.hosts]);
    world.end();
  });

  it("fails over once when the power of its primary is cut, with at least its acknowledged memory", async () => {
    const world = await createWorld();
    await world.protect(specOf({ preferredHost: "b" }));
    await world.run(500);
    const before = world.owner()!;
    const acknowledged = world.invariants.acknowledged("db");
    assert.ok(acknowledged > 0);
    world.powerOff("b");
    await world.until("another host answers", () => world.answering().length === 1);
    const after = world.owner()!;
    assert.notEqual(after.host, "b");
    assert.equal(after.epoch, before.epoch + 1);
    assert.ok(world.counter() >= acknowledged);
    await world.run(5000);
    assert.equal(world.owner()!.epoch, after.epoch);
    assert.equal(world.events("failover").length, 1);
    world.end();
  });
});
