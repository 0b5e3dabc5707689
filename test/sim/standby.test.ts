import assert from "node:assert/strict";
import type { GroupStatus } from "../../provider/contract";
import { specOf } from "./group";
import { apply, inProtectedWorld, inWorld, untilProtected } from "./scenario";
import { realistic, type World } from "./world";

/** The restore of a large memory: far longer than it takes to fence. */
const slow = { durations: { ...realistic, restore: 4000 } };
const standby = "warm" as const;

describe("A container with a warm standby", () => {
  it("fails over in the same time however long a restore takes", () =>
    inProtectedWorld(
      async (world) => {
        await untilWarm(world, "b");
        const acknowledged = world.invariants.acknowledged("db");
        world.powerOff("a");
        const cutAt = world.now();
        await world.until("b answers", () => world.answering().includes("b"));
        const { fenceMs, intervalMs } = world.policy.timing;
        assert.ok(world.now() - cutAt < fenceMs + intervalMs + 150, `took ${world.now() - cutAt} ms`);
        assert.ok(world.counter() >= acknowledged);
        assert.match(world.owner()!.reason, /a warm copy waits/);
      },
      { ...slow, spec: { standby } },
    ));

  it("has its warm copy renewed with each generation, behind the closed gate", () =>
    inProtectedWorld(
      async (world) => {
        await untilWarm(world, "b");
        const before = warmOn(world, "b")!;
        await world.until("a newer one is warm", () => (warmOn(world, "b")?.gen ?? 0) > before.gen, 30_000);
        assert.deepEqual(world.answering(), ["a"]);
        assert.equal(world.events("hold").length, 0);
      },
      { spec: { standby } },
    ));

  it("fails over to the committed generation while its warm copy is being renewed", () =>
    inProtectedWorld(
      async (world) => {
        await untilWarm(world, "b");
        const before = warmOn(world, "b")!;
        await world.until(
          "the old copy is gone",
          () => world.host("b").machine!.engine.stateOf("db") === "prepared",
        );
        const acknowledged = world.invariants.acknowledged("db");
        world.powerOff("a");
        await world.until("b answers", () => world.answering().includes("b"));
        assert.ok(world.counter() >= acknowledged);
        assert.ok(world.owner()!.gen!.gen > before.gen);
        assert.equal(world.events("failover").length, 1);
      },
      { ...slow, spec: { standby } },
    ));

  it("loses nothing to two false suspicions and still fails over with its warm copy", () =>
    inProtectedWorld(
      async (world) => {
        await untilWarm(world, "b");
        for (let suspicion = 0; suspicion < 2; suspicion++) {
          world.cut("a", "peers");
          await world.until("a is suspected", () => world.events("suspicion").length > suspicion * 2);
          await world.run(1000);
          assert.deepEqual(world.answering(), ["a"]);
          world.heal();
          await world.run(1000);
        }
        assert.equal(world.events("fence").length, 0);
        world.powerOff("a");
        await world.until("b answers", () => world.answering().includes("b"));
        assert.match(world.owner()!.reason, /a warm copy waits/);
      },
      { spec: { standby } },
    ));

  it("goes on after a crash of the container while the warm copy is being renewed, which then is again", () =>
    inProtectedWorld(
      async (world) => {
        await untilWarm(world, "b");
        await world.until(
          "the old copy is gone",
          () => world.host("b").machine!.engine.stateOf("db") === "prepared",
        );
        world.crashContainer("a");
        await world.until("a answers again", () => world.answering().includes("a"));
        const { epoch } = world.owner()!;
        await world.until("b is warm again", () => warmOn(world, "b")?.epoch === epoch, 30_000);
      },
      { durations: { ...realistic, restore: 1500 }, spec: { standby } },
    ));

  it("has its warm copy again after the copy ended by itself, and after the standby's agent was restarted", () =>
    inProtectedWorld(
      async (world) => {
        await untilWarm(world, "b");
        world.crashContainer("b");
        await world.until("it is gone", () => world.host("b").machine!.engine.stateOf("db") !== "warm");
        await untilWarm(world, "b");
        world.killAgent("b", 200);
        await world.run(1000);
        await untilWarm(world, "b");
        assert.deepEqual(world.answering(), ["a"]);
      },
      { spec: { standby } },
    ));

  it("has it on a host with room for it, and says where there is none", () =>
    inWorld({}, async (world) => {
      world.host("b").memoryMb = 300;
      const told = () => world.view().hosts.get("b")?.info?.memoryMb;
      await world.until("b tells the group of its memory", () => told() === 256, 20_000);
      const workload = { ...specOf().workload, memory: 100 };
      await world.protect({ ...specOf({ preferredHost: "a", standby }), workload });
      await untilWarm(world, "c");
      world.powerOff("c");
      await world.until("b is its standby", () => world.events("standbys").at(-1)!.endsWith("are b"), 20_000);
      await untilProtected(world);
      await world.run(1000);
      assert.equal(world.host("b").machine!.engine.stateOf("db"), "prepared");
      const reply = await world.ctl("a", { op: "status" });
      assert.ok(reply.ok);
      const [db] = (reply.result as GroupStatus).containers;
      assert.match(db!.degraded ?? "", /^b has no room for a warm copy \(320 MB needed, 256 MB free\)/);
    }));

  it("becomes warm and cold again by its specification alone, without a new beginning", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      await apply(world, specOf({ preferredHost: "a", standby }));
      await untilWarm(world, "b");
      await apply(world, specOf({ preferredHost: "a" }));
      await world.until(
        "the copy is prepared again",
        () => world.host("b").machine!.engine.stateOf("db") === "prepared",
      );
      assert.equal(world.owner()!.epoch, before.epoch);
      assert.deepEqual(world.answering(), ["a"]);
    }));
});

/** What the host tells of its warm copy. */
function warmOn(world: World, host: string) {
  return world.view().hosts.get(host)?.info?.warm.db;
}

async function untilWarm(world: World, host: string): Promise<void> {
  await world.until(`${host} keeps the named generation warm`, () => {
    const generation = world.view().containers.get("db")?.generation?.value;
    const warm = warmOn(world, host);
    return generation !== undefined && warm?.gen === generation.gen && warm.epoch === generation.epoch;
  });
}
