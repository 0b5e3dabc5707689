import assert from "node:assert/strict";
import { keysOf } from "../../provider/contract";
import { GROUP } from "./group";
import { inProtectedWorld, untilProtected } from "./scenario";
import type { Tamper } from "./tamper";
import type { World } from "./world";

describe("A generation", () => {
  it("is as old as the freeze of its dump, however long it was on its way", () =>
    inProtectedWorld(
      async (world) => {
        const wall = () => Date.parse(world.host("a").agent!.process.clock.wall());
        const askedAt = wall();
        assert.ok((await world.ctl("a", { op: "checkpoint", name: "db" })).ok);
        const frozenBy = askedAt + 200;
        assert.ok(wall() - askedAt > 3000, "it was on its way for long");
        const at = Date.parse(world.view().containers.get("db")!.generation!.value.at);
        assert.ok(at >= askedAt && at <= frozenBy, `${at - askedAt} ms after it was asked for`);
        const [db] = world.host("a").agent!.agent.status().containers;
        assert.ok(db!.generationAgeMs! > 2800, `${db!.generationAgeMs} ms old`);
      },
      { transferMs: 8000 },
    ));

  it("is taken, sent and kept with a look at the files of its own container alone", () => {
    const looks: (string | undefined)[] = [];
    const agent: Tamper["agent"] = (env) => {
      const list = (container?: string) => {
        looks.push(container);
        return env.disk.list(container);
      };
      return { ...env, disk: { ...env.disk, list } };
    };
    return inProtectedWorld(
      async (world) => {
        const { gen } = named(world);
        looks.length = 0;
        const reply = await world.ctl("a", { op: "checkpoint", name: "db" });
        assert.ok(reply.ok);
        await world.until("older ones are gone", () => world.host("b").disk.generations("db").length <= 2);
        await world.run(1000);
        assert.equal(named(world).gen, gen + 1);
        assert.deepEqual([...new Set(looks)], ["db"]);
      },
      { tamper: { agent } },
    );
  });

  it("that is altered on the standby is fetched from another holder before it is restored", () =>
    inProtectedWorld(
      async (world) => {
        const acknowledged = world.invariants.acknowledged("db");
        world.host("b").disk.alter(named(world));
        world.powerOff("a");
        await world.until("another host answers", () => world.answering().length === 1);
        assert.ok(world.counter() >= acknowledged);
        assert.deepEqual(world.invariants.losses, []);
      },
      { spec: { standbys: 2 } },
    ));

  it("that is altered on the standby is fetched from a live holder before a dead one is asked", () =>
    inProtectedWorld(
      async (world) => {
        world.host("b").disk.alter(named(world));
        world.host("c").faults.restore.set("db", "c cannot restore it");
        world.powerOff("a");
        const at = world.now();
        await world.until("b answers", () => world.answering().includes("b"));
        assert.ok(world.now() - at < world.policy.timing.fenceMs + 1500, `after ${world.now() - at} ms`);
      },
      { spec: { standbys: 2 } },
    ));

  it("that is altered wherever it is held is never restored, and nothing older in its place", () =>
    inProtectedWorld(async (world) => {
      await world.until("a second generation is committed", () => named(world).gen >= 2);
      await world.run(1000);
      world.host("b").disk.alter(named(world));
      world.powerOff("a");
      await world.until("b has given it up", () => world.events("give-up").length > 0);
      await world.run(10_000);
      assert.deepEqual(world.answering(), []);
      assert.match(world.owner()!.reason, /altered/);
      world.powerOn("a");
      await world.until("a, which holds it intact, answers", () => world.answering().includes("a"));
      assert.deepEqual(world.invariants.losses, []);
    }));

  it("that only a dead host has intact is not lost because that host gave the container up once before", () =>
    inProtectedWorld(async (world) => {
      world.host("a").faults.restore.set("db", "a cannot restore it");
      world.crashContainer("a");
      await untilCommitted(world, "b");
      assert.deepEqual(world.owner()!.triedHosts, ["a"]);
      world.host("a").faults.restore.delete("db");
      world.powerOff("b");
      await untilCommitted(world, "a");
      assert.deepEqual(world.owner()!.triedHosts, ["a"], "a ran long enough for this to be forgotten");
      world.host("c").disk.alter(named(world));
      world.powerOff("a");
      const givenUp = () => world.owner()!.host === "c" && world.owner()!.phase === "STOPPED";
      await world.until("c has given it up", givenUp, 60_000);
      world.powerOn("a");
      await world.until("it answers again", () => world.answering().length === 1, 60_000);
      assert.deepEqual(world.invariants.losses, []);
    }));

  it("stays on a holder whose disk could not read it for a moment", () =>
    inProtectedWorld(async (world) => {
      const { disk } = world.host("b");
      disk.unreadable = 1;
      world.powerOff("a");
      await world.until("b answers", () => world.answering().includes("b"));
      assert.deepEqual(world.invariants.losses, []);
    }));

  it("is not taken again and again while one of two standbys cannot take it", () =>
    inProtectedWorld(
      async (world) => {
        world.host("c").disk.full = true;
        await world.run(12_000);
        const before = world.events("checkpoint").length;
        await world.run(20_000);
        assert.ok(world.events("checkpoint").length - before <= 5);
        world.host("c").disk.full = false;
        await untilProtected(world);
      },
      { spec: { standbys: 2 } },
    ));

  it("goes to another standby when the disk of the first stays full, and stays there", () =>
    inProtectedWorld(async (world) => {
      world.host("b").disk.full = true;
      await world.until(
        "c holds it",
        () => world.view().containers.get("db")!.standbys!.value.hosts[0] === "c",
        60_000,
      );
      await untilProtected(world);
      world.host("b").disk.full = false;
      const changes = world.events("standbys").length;
      await world.run(60_000);
      assert.equal(world.events("standbys").length, changes);
      world.powerOff("a");
      await world.until("c answers", () => world.answering().includes("c"));
    }));

  it("that is committed can be fetched though a new owner sent a newer one and died before it committed", () =>
    inProtectedWorld(
      async (world) => {
        const committed = named(world);
        for (const name of ["b", "c"])
          world.host(name).disk.plant({ ...committed, epoch: committed.epoch + 1 });
        world.host("b").disk.alter(committed);
        world.host("c").faults.restore.set("db", "c cannot restore it");
        world.powerOff("a");
        await world.until("b answers", () => world.answering().includes("b"));
        assert.deepEqual(world.invariants.losses, []);
      },
      { spec: { standbys: 2 } },
    ));

  it("is not committed while no standby takes it, and the container goes on", () =>
    inProtectedWorld(async (world) => {
      const before = named(world);
      world.host("b").disk.full = true;
      world.host("c").disk.full = true;
      await world.run(60_000);
      assert.deepEqual(named(world), before);
      assert.ok(world.events("checkpoint-failed").length >= 4);
      assert.ok(world.host("a").disk.generations("db").length <= 2, "attempts that failed are not kept");
      assert.deepEqual(world.answering(), ["a"]);
      const status = world.host("a").agent!.agent.status().containers[0]!;
      assert.match(status.degraded!, /no space left/);
      world.host("b").disk.full = false;
      await world.until("the next is committed", () => named(world).gen > before.gen);
    }));

  it("is not overwritten by the next while it may still be committed, after the agent that took it died", () =>
    inProtectedWorld(async (world) => {
      const first = named(world);
      world.links.sticks = ({ writes }) =>
        writes.some((write) => "put" in write && write.put === keysOf(GROUP).generation("db"));
      await world.until("a commit is on its way", () => world.links.stuck.length === 1);
      world.killAgent("a", 200);
      await world.until("the commit of the next is on its way", () => world.links.stuck.length >= 2);
      world.links.stuck[0]!();
      assert.notDeepEqual(named(world), first);
      const acknowledged = world.invariants.acknowledged("db");
      world.powerOff("a");
      world.links.sticks = () => false;
      await world.until("b answers", () => world.answering().includes("b"));
      assert.ok(world.counter() >= acknowledged);
    }));

  it("that rotted on a standby is found when it is hashed, dropped there and fetched anew", () =>
    inProtectedWorld(
      async (world) => {
        const before = named(world);
        world.host("b").disk.alter(before);
        world.killAgent("b", 200);
        await world.until("the damage is found", () => world.events("generation-rotten").length > 0);
        await untilProtected(world);
        assert.deepEqual(named(world), before, "no new dump was needed");
        await world.until("b tells of it", () => world.events("replicated").length === 1);
        world.powerOff("a");
        await world.until("b answers", () => world.answering().includes("b"));
        assert.deepEqual(world.invariants.losses, []);
      },
      { scheduled: RARELY },
    ));

  it("that rotted on the primary is replaced by a new one", () =>
    inProtectedWorld(
      async (world) => {
        const before = named(world);
        world.host("a").disk.alter(before);
        world.killAgent("a", 200);
        await world.until("a new one is committed", () => named(world).gen > before.gen);
        await untilProtected(world);
        assert.deepEqual(world.answering(), ["a"]);
      },
      { scheduled: RARELY },
    ));

  it("that rotted on the primary while the other holder is dead is replaced as soon as somebody can hold a new one", () =>
    inProtectedWorld(
      async (world) => {
        const before = named(world);
        world.powerOff("b");
        world.host("c").disk.full = true;
        world.host("a").disk.alter(before);
        world.killAgent("a", 200);
        await world.run(60_000);
        assert.deepEqual(world.answering(), ["a"]);
        world.host("c").disk.full = false;
        await world.until("a new one is committed", () => named(world).gen > before.gen, 60_000);
      },
      { scheduled: RARELY },
    ));

  it("is fetched by the standby that takes the place of a dead one, without another dump", () =>
    inProtectedWorld(
      async (world) => {
        const before = named(world);
        world.powerOff("b");
        const standbys = () => world.view().containers.get("db")!.standbys!.value.hosts;
        await world.until("c is the standby", () => standbys().join() === "c");
        await untilProtected(world);
        assert.deepEqual(named(world), before);
        assert.deepEqual(world.view().containers.get("db")!.generation!.value.holders, ["a", "b", "c"]);
        world.powerOff("a");
        await world.until("c answers", () => world.answering().includes("c"));
      },
      { scheduled: RARELY },
    ));

  it("is not counted on a host whose machine was replaced, which fetches it", () =>
    inProtectedWorld(
      async (world) => {
        const before = named(world);
        world.host("b").replace();
        world.powerOn("b");
        await world.until("it says that it has none", () => world.events("generation-rotten").length === 1);
        await untilProtected(world);
        assert.deepEqual(named(world), before);
        assert.ok(world.host("b").disk.has(before));
      },
      { scheduled: RARELY },
    ));

  it("is committed although a standby becomes a holder of the one before at that moment", () =>
    inProtectedWorld(
      async (world) => {
        for (let round = 0; round < 5; round += 1) {
          const before = named(world);
          world.host("c").disk.full = true;
          assert.ok((await world.ctl("a", { op: "checkpoint", name: "db" })).ok);
          world.host("c").disk.full = false;
          const reply = world.ctl("a", { op: "checkpoint", name: "db" });
          assert.ok((await reply).ok);
          assert.equal(named(world).gen, before.gen + 2);
        }
        await untilProtected(world);
        assert.deepEqual(world.events("checkpoint-failed"), []);
      },
      { spec: { standbys: 2 }, scheduled: RARELY },
    ));

  it("that nothing needs is deleted on a host that is standby no more", () =>
    inProtectedWorld(async (world) => {
      world.cut("b");
      await world.until("c is the standby", () =>
        world.view().containers.get("db")!.standbys!.value.hosts.includes("c"),
      );
      world.heal();
      await world.until("b has none", () => world.host("b").disk.generations("db").length === 0, 120_000);
      await untilProtected(world);
    }));

  it("that grows too old is told of in an event and in the status, and when that is over", () =>
    inProtectedWorld(async (world) => {
      for (const name of ["b", "c"]) world.host(name).disk.full = true;
      await world.until("it is told", () => world.events("generation-age").length === 1, 180_000);
      assert.match(world.events("generation-age")[0]!, /its newest generation is \d+ s old/);
      const seenBy = (name: string) => world.host(name).agent!.agent.status().containers[0]!.degraded;
      assert.match(seenBy("c")!, /newest generation is/);
      assert.match(seenBy("a")!, /no space left/);
      for (const name of ["b", "c"]) world.host(name).disk.full = false;
      await world.until("it is over", () => world.events("generation-age").length === 2, 120_000);
      await world.until("nobody sees it any more", () => seenBy("c") === null);
    }));

  it("can be asked for at any host and is committed when the reply comes", () =>
    inProtectedWorld(async (world) => {
      const before = named(world);
      const reply = await world.ctl("c", { op: "checkpoint", name: "db" });
      assert.ok(reply.ok);
      assert.equal(named(world).gen, before.gen + 1);
    }));

  it("that is older than needed is deleted", () =>
    inProtectedWorld(async (world) => {
      await world.until("a fifth generation is committed", () => named(world).gen >= 5, 120_000);
      await world.run(1000);
      const { epoch, gen } = named(world);
      for (const name of ["a", "b"]) {
        const kept = [1, 2, 3, 4, 5].filter((g) =>
          world.host(name).disk.has({ container: "db", epoch, gen: g }),
        );
        assert.deepEqual(kept, [gen - 1, gen]);
      }
    }));
});

/** No dump by the schedule happens within a test. */
const RARELY = { cron: "0 0 1 1 *" };

function named(world: World): { container: string; epoch: number; gen: number } {
  const { epoch, gen } = world.view().containers.get("db")!.generation!.value;
  return { container: "db", epoch, gen };
}

/** A generation of the life that began on this host. */
function untilCommitted(world: World, host: string): Promise<void> {
  const committed = () => {
    const { host: owner, epoch, phase } = world.owner()!;
    const generation = world.view().containers.get("db")!.generation!.value;
    return owner === host && phase === "RUNNING" && generation.epoch === epoch;
  };
  return world.until(`a generation of ${host}`, committed, 60_000);
}
