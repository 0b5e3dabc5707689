import assert from "node:assert/strict";
import { timingOf } from "../../provider/contract";
import { specOf } from "./group";
import { inProtectedWorld, inWorld, untilProtected } from "./scenario";
import type { World } from "./world";

describe("A container of three hosts", () => {
  it("is claimed by its preferred host, which commits a generation on a standby", () =>
    inWorld({}, async (world) => {
      await world.protect(specOf({ preferredHost: "b" }));
      assert.deepEqual(world.answering(), ["b"]);
      const { generation, standbys, owner } = world.view().containers.get("db")!;
      assert.equal(owner!.value.phase, "RUNNING");
      assert.equal(standbys!.value.hosts.length, 1);
      assert.deepEqual(generation!.value.holders, ["b", ...standbys!.value.hosts]);
    }));

  it("fails over once when the power of its primary is cut, with at least its acknowledged memory", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      const acknowledged = world.invariants.acknowledged("db");
      assert.ok(acknowledged > 0);
      world.powerOff("a");
      await world.until("another host answers", () => world.answering().length === 1);
      assert.equal(world.owner()!.host, "b");
      assert.equal(world.owner()!.epoch, before.epoch + 1);
      assert.equal(world.owner()!.lastFailover?.from, "a");
      assert.ok(world.counter() >= acknowledged);
      await world.run(5000);
      assert.equal(world.owner()!.epoch, before.epoch + 1);
      assert.equal(world.events("failover").length, 1);
    }));

  it("is restored and held by the standby before the fence, so that little is left to do after it", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("a");
      const cutAt = world.now();
      await world.until("another host answers", () => world.answering().length === 1);
      assert.equal(world.events("hold").length, 1);
      const { fenceMs, intervalMs } = world.policy.timing;
      assert.ok(world.now() - cutAt < fenceMs + intervalMs + 150, `took ${world.now() - cutAt} ms`);
    }));

  it("does not wait for W a second time when the first fence gets no reply", () =>
    inProtectedWorld(
      async (world) => {
        let lost = 0;
        world.links.sticks = ({ writes }) =>
          writes.some((write) => "put" in write && write.put.includes("/fence/")) && lost++ === 0;
        world.powerOff("a");
        const cutAt = world.now();
        await world.until("another host answers", () => world.answering().length === 1);
        assert.ok(lost > 1, "no second fence was tried");
        const { fenceMs } = world.policy.timing;
        assert.ok(world.now() - cutAt < 2 * fenceMs + 500, `took ${world.now() - cutAt} ms`);
      },
      { timing: timingOf("fast", true) },
    ));

  it("is no less fast when no heartbeat was ever heard from the host that dies", () =>
    inProtectedWorld(async (world) => {
      world.cut("a", "peers");
      for (const name of ["b", "c"]) world.killAgent(name, 100);
      await world.run(12_000);
      world.powerOff("a");
      await world.until("another host answers", () => world.answering().length === 1, 4500);
    }));

  it("goes to nobody else when its host is only suspected: what was restored is held, then let go", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      world.cut("a", "peers");
      await world.until("the standby holds it", () => world.events("hold").length > 0);
      await untilAnswersFor(world, "a", 8000);
      assert.ok(world.events("discard").length > 0);
      world.heal();
      await world.run(1000);
      assert.deepEqual(world.owner(), before);
      assert.equal(world.events("fence").length, 0);
    }));

  it("leaves the host that was cut off, which removes its old copy and becomes the standby", () =>
    inProtectedWorld(async (world) => {
      world.cut("a");
      await world.until("b answers", () => world.answering().includes("b"));
      assert.equal(world.host("a").machine!.engine.stateOf("db"), "frozen");
      world.heal();
      await untilCopyIsGone(world, "a");
      world.powerOff("c");
      await world.until("a is its standby", () =>
        world.view().containers.get("db")!.standbys!.value.hosts.includes("a"),
      );
      await untilProtected(world);
      await world.until(
        "a has prepared a copy",
        () => world.host("a").machine!.engine.stateOf("db") === "prepared",
      );
    }));

  it("is taken over from a primary that has lost only the store, also where every read takes long", () =>
    inProtectedWorld(
      async (world) => {
        world.links.latency = () => 45;
        await world.run(1000);
        world.cut("a", "store");
        await world.until("b answers", () => world.answering().includes("b"), 3000);
      },
      { timing: timingOf("fast", true) },
    ));

  it("is closed and frozen on a primary that cannot reach the store for longer than W, and taken over", () =>
    inProtectedWorld(async (world) => {
      world.cut("a", "store");
      const { leaseMs, fenceMs } = world.policy.timing;
      await world.run(leaseMs + 100);
      assert.deepEqual(world.answering(), []);
      assert.equal(world.host("a").machine!.engine.stateOf("db"), "frozen");
      await world.until("another host answers", () => world.answering().length === 1, fenceMs);
      assert.equal(world.owner()!.host, "b");
      world.heal();
      await untilCopyIsGone(world, "a");
      assert.equal(world.events("failover").length, 1);
    }));

  it("freezes where it is while nobody can reach the store, and goes on with all of its memory", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      world.links.storeUp = false;
      await world.run(world.policy.timing.leaseMs + 200);
      const { engine } = world.host("a").machine!;
      const frozenWith = engine.memoryOf(engine.copies.get("db")!).counter;
      await world.run(10_000);
      assert.equal(engine.stateOf("db"), "frozen");
      assert.equal(engine.memoryOf(engine.copies.get("db")!).counter, frozenWith);
      world.links.storeUp = true;
      await world.until("a answers again", () => world.answering().includes("a"), 2000);
      assert.ok(world.counter() >= frozenWith);
      await world.run(6000);
      assert.equal(world.owner()!.epoch, before.epoch);
      assert.equal(world.events("fence").length, 0);
    }));

  it("goes on while its agent is killed and started again", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      const acknowledged = world.invariants.acknowledged("db");
      world.killAgent("a", 1500);
      await untilAnswersFor(world, "a", 6000);
      assert.deepEqual(world.owner(), before);
      assert.ok(world.counter() > acknowledged + 5000);
    }));

  it("goes on while its lease process is killed and started again at once", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      world.killLease("a", 200);
      await world.run(4000);
      assert.deepEqual(world.answering(), ["a"]);
      assert.equal(world.owner()!.epoch, before.epoch);
    }));

  it("goes to a standby that renews its own session, not to one whose lease process is gone", () =>
    inProtectedWorld(
      async (world) => {
        world.killLease("b");
        await world.run(4000);
        world.powerOff("a");
        await world.until("c answers", () => world.answering().includes("c"), 5000);
        assert.equal(world.events("failover").length, 1);
      },
      { spec: { standbys: 2 } },
    ));

  it("fails over when its agent hangs, though the process lives", () =>
    inProtectedWorld(async (world) => {
      world.host("a").agent!.process.pause();
      await world.until("b answers", () => world.answering().includes("b"), 12_000);
    }));

  it("gets another standby when the agent of its standby waits for a disk that never answers", () =>
    inProtectedWorld(async (world) => {
      world.host("b").disk.hangs = true;
      const standbys = () => world.view().containers.get("db")!.standbys!.value.hosts;
      await world.until("c is its standby", () => standbys().includes("c"), 60_000);
    }));

  it("comes back where it was when every host was down, from its generation", () =>
    inProtectedWorld(async (world) => {
      const acknowledged = world.invariants.acknowledged("db");
      for (const name of ["a", "b", "c"]) world.powerOff(name);
      await world.run(20_000);
      world.powerOn("a");
      world.powerOn("c");
      await world.until("a answers", () => world.answering().includes("a"), 10_000);
      assert.ok(world.counter() >= acknowledged);
      assert.deepEqual(world.invariants.losses, []);
    }));

  it("gets another standby when its standby dies, but not before the grace period is over", () =>
    inProtectedWorld(async (world) => {
      const standbys = () => world.view().containers.get("db")!.standbys!.value.hosts;
      assert.deepEqual(standbys(), ["b"]);
      world.powerOff("b");
      await world.run(3000);
      assert.deepEqual(standbys(), ["b"]);
      await world.until("c is its standby", () => standbys().includes("c"), 6000);
      await untilProtected(world);
      assert.deepEqual(world.answering(), ["a"]);
      world.powerOff("a");
      await world.until("c answers", () => world.answering().includes("c"));
    }));
});

async function untilCopyIsGone(world: World, host: string): Promise<void> {
  await world.until(`${host} has removed its old copy`, () => {
    const state = world.host(host).machine!.engine.stateOf("db");
    return state === "absent" || state === "prepared";
  });
}

/** The host answers without a gap longer than a dump takes. */
async function untilAnswersFor(world: World, host: string, ms: number): Promise<void> {
  const end = world.now() + ms;
  while (world.now() < end) {
    await world.run(20);
    await world.until(`${host} answers`, () => world.answering().length > 0, 50);
    assert.deepEqual(world.answering(), [host]);
  }
}
