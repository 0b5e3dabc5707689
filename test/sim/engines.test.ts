import assert from "node:assert/strict";
import { inProtectedWorld, untilProtected } from "./scenario";
import type { World } from "./world";

const BROKEN = "podman exits with status 125";

describe("A host whose engine does not work", () => {
  it("gives a container that ended to a standby at once, with its memory, and says why", () =>
    inProtectedWorld(async (world) => {
      const before = world.counter();
      world.host("a").faults.engine.set("podman", BROKEN);
      const crashed = world.now();
      world.crashContainer("a");
      await world.until("b answers", () => world.answering().join() === "b");
      assert.ok(world.now() - crashed < 2000, `after ${world.now() - crashed} ms`);
      assert.ok(world.counter() > before - 10_000, "it goes on from its generation");
      assert.match(world.events("give-up").join(), /podman exits with status 125/);
      assert.match(world.events("engine").join(), /podman does not work on a: podman exits/);
    }));

  it("removes what is left of it when the engine works again, and stands by for it", () =>
    inProtectedWorld(
      async (world) => {
        world.host("a").faults.engine.set("podman", BROKEN);
        world.crashContainer("a");
        await world.until("b answers", () => world.answering().join() === "b");
        world.powerOff("c");
        await world.run(15_000);
        world.host("a").faults.engine.clear();
        await world.until("a has a copy that is prepared", () => stateOn(world, "a") === "prepared");
        await untilProtected(world);
      },
      { spec: { standbys: 1 } },
    ));

  it("keeps a container that nobody else can take, and begins it when the engine works again", () =>
    inProtectedWorld(async (world) => {
      for (const { faults } of world.hosts) faults.engine.set("podman", BROKEN);
      await world.run(45_000);
      world.crashContainer("a");
      await world.run(30_000);
      assert.deepEqual(world.answering(), []);
      assert.equal(world.owner()!.phase, "RESTORING");
      for (const { faults } of world.hosts) faults.engine.clear();
      await world.until("it answers", () => world.answering().length === 1, 10_000);
      assert.notEqual(world.owner()!.gen, null);
    }));

  it("is passed over by a failover, and status says so before", () =>
    inProtectedWorld(
      async (world) => {
        world.host("b").faults.engine.set("podman", BROKEN);
        await world.until(
          "b tells it",
          () => world.view().hosts.get("b")!.info?.engines !== undefined,
          60_000,
        );
        await world.run(1000);
        const reply = await world.ctl("c", { op: "status" });
        assert.ok(reply.ok);
        assert.match(JSON.stringify(reply.result), /"degraded":"podman does not work on b: podman exits/);
        world.powerOff("a");
        await world.until("c answers", () => world.answering().join() === "c");
      },
      { spec: { standbys: 2 } },
    ));

  it("begins a new session all the same, so that other containers are served there", () =>
    inProtectedWorld(async (world) => {
      world.host("a").faults.engine.set("podman", BROKEN);
      const { sid } = world.owner()!;
      assert.ok((await world.ctl("b", { op: "fence", host: "a", confirmedOff: false, dryRun: false })).ok);
      await world.until("a has a new session", () => world.view().hosts.get("a")!.session!.value.sid !== sid);
      await world.until("another host answers", () => world.answering().length === 1);
      assert.notEqual(world.answering()[0], "a");
    }));
});

describe("A standby from which somebody has removed what does not run", () => {
  it("notices within a minute, is prepared again, and takes over", () =>
    inProtectedWorld(async (world) => {
      await world.until("b is prepared", () => stateOn(world, "b") === "prepared");
      world.host("b").machine!.engine.prune();
      await world.until("b is prepared again", () => stateOn(world, "b") === "prepared", 60_000);
      assert.match(world.events("engine").join(), /its copy on b is of no use any more/);
      world.powerOff("a");
      await world.until("b answers", () => world.answering().join() === "b");
    }));

  it("is not called prepared while its image cannot be had, and is as soon as it can", () =>
    inProtectedWorld(async (world) => {
      await world.until("b is prepared", () => stateOn(world, "b") === "prepared");
      const { faults, machine } = world.host("b");
      faults.image.set("redis:7", "the registry does not answer");
      machine!.engine.prune();
      await world.until(
        "b says so",
        () => world.view().hosts.get("b")!.info!.copies.db !== "PREPARED",
        60_000,
      );
      await world.run(30_000);
      assert.equal(stateOn(world, "b"), "absent");
      faults.image.clear();
      await world.until("b is prepared again", () => stateOn(world, "b") === "prepared", 15_000);
    }));

  it("takes over all the same when that is asked of it before it has noticed", () =>
    inProtectedWorld(async (world) => {
      await world.until("b is prepared", () => stateOn(world, "b") === "prepared");
      world.host("b").machine!.engine.prune();
      world.powerOff("a");
      await world.until("b answers", () => world.answering().join() === "b");
      assert.notEqual(world.owner()!.gen, null);
    }));
});

function stateOn(world: World, host: string): string {
  return world.host(host).machine!.engine.stateOf("db");
}
