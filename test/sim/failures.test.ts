import assert from "node:assert/strict";
import type { ContainerSpec } from "../../provider/contract";
import { specOf } from "./group";
import { STORE } from "./links";
import { apply, inProtectedWorld, inWorld, untilProtected } from "./scenario";
import type { Tamper } from "./tamper";
import { instantaneous, type World } from "./world";

const probe = { tcp: { port: 80 }, interval: 1, timeout: 1, retries: 2, startPeriod: 1 };

describe("A container that fails by itself", () => {
  it("is restored on the same host from its generation, under a new epoch", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      const acknowledged = world.invariants.acknowledged("db");
      world.crashContainer("a");
      await world.until("a answers again", () => world.answering().includes("a"), 1000);
      assert.equal(world.owner()!.epoch, before.epoch + 1);
      assert.equal(world.owner()!.host, "a");
      assert.ok(world.counter() >= acknowledged);
      assert.ok(world.counter() < acknowledged + 1000);
    }));

  it("is restored also when the agent hears of its end and of a lapse at the same time", () =>
    inProtectedWorld(
      async (world) => {
        const { process } = world.host("a").agent!;
        const { epoch } = world.owner()!;
        // Its renewals are committed, and it hears of that too late.
        world.links.slow(STORE, "a", 600);
        await world.until("a misses the store", () =>
          world.events("store").some((told) => /not answer/.test(told)),
        );
        process.pause();
        world.crashContainer("a");
        await world.run(2500);
        world.heal("a");
        await world.run(500);
        process.resume();
        await world.until("a answers", () => world.answering().join() === "a", 5000);
        assert.equal(world.owner()!.epoch, epoch + 1);
      },
      { durations: instantaneous },
    ));

  it("is given up after its tries and taken by the standby", () =>
    inProtectedWorld(async (world) => {
      world.host("a").faults.crashAfter.set("db", 200);
      world.crashContainer("a");
      await world.until("b answers", () => world.answering().includes("b"), 20_000);
      assert.equal(world.events("give-up").length, 1);
      assert.equal(world.events("fence").length, 0);
      assert.deepEqual(world.owner()!.triedHosts, ["a"]);
    }));

  it("has failed, with the reason and without another try, when every host has tried", () =>
    inProtectedWorld(async (world) => {
      for (const { faults } of world.hosts) faults.crashAfter.set("db", 200);
      world.crashContainer("a");
      await world.until("it has failed", () => world.owner()!.phase === "FAILED", 60_000);
      assert.match(world.owner()!.reason, /exit code 1/);
      assert.deepEqual(world.owner()!.triedHosts, ["a", "b", "c"]);
      await nothingMoreHappens(world);
    }));

  it("goes to the third host, which fetches its generation, when its only standby cannot begin it", () =>
    inProtectedWorld(async (world) => {
      const acknowledged = world.invariants.acknowledged("db");
      world.host("b").faults.restore.set("db", "CRIU failed");
      world.powerOff("a");
      await world.until("c answers", () => world.answering().join() === "c", 15_000);
      assert.ok(world.counter() >= acknowledged);
      assert.deepEqual(world.owner()!.triedHosts, ["b"]);
    }));

  it("goes to the third host while the only other holder is in maintenance", () =>
    inProtectedWorld(async (world) => {
      const maintained = (name: string) => name === "b";
      const hosts = world.policy.hosts.map((host) => ({ ...host, maintenance: maintained(host.name) }));
      world.powerOff("a");
      world.setPolicy({ hosts });
      await world.until("c answers", () => world.answering().join() === "c", 15_000);
    }));

  it("says whom it waits for while nobody who is live has its generation, and is taken when one is back", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("a");
      world.powerOff("b");
      await world.run(20_000);
      const [db] = world.host("c").agent!.agent.status().containers;
      assert.match(
        db!.degraded!,
        /^its primary a is not live; it waits until a or b, where its generation is, is live again$/,
      );
      world.powerOn("b");
      await world.until("b answers", () => world.answering().join() === "b");
    }));

  it("is tried by each of two standbys in turn before it has failed", () =>
    inProtectedWorld(
      async (world) => {
        for (const { faults } of world.hosts) faults.crashAfter.set("db", 200);
        world.crashContainer("a");
        await world.until("it has failed", () => world.owner()!.phase === "FAILED", 60_000);
        assert.deepEqual([...world.owner()!.triedHosts].sort(), ["a", "b", "c"]);
        await nothingMoreHappens(world);
      },
      { spec: { standbys: 2 } },
    ));

  it("starts over when its specification changes after it has failed, though its last host is dead", () =>
    inProtectedWorld(async (world) => {
      for (const { faults } of world.hosts) faults.crashAfter.set("db", 200);
      world.crashContainer("a");
      await world.until("it has failed", () => world.owner()!.phase === "FAILED", 60_000);
      for (const { faults } of world.hosts) faults.crashAfter.clear();
      world.powerOff(world.owner()!.host);
      await world.run(5000);
      await apply(world, specOf({ preferredHost: "a", image: "redis:8" }));
      await world.until("it answers", () => world.answering().length === 1);
    }));

  it("waits without a loop for the only other host that holds its generation while that one is dead", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("b");
      world.powerOff("c");
      world.host("a").faults.crashAfter.set("db", 200);
      await world.run(4000);
      world.crashContainer("a");
      await world.until("a gives it up", () => world.events("give-up").length > 0, 20_000);
      await nothingMoreHappens(world);
      world.powerOn("b");
      await world.until("b answers", () => world.answering().includes("b"));
    }));

  it("may go back to a host that gave it up long ago", () =>
    inProtectedWorld(async (world) => {
      world.host("a").faults.crashAfter.set("db", 200);
      world.crashContainer("a");
      await world.until("b answers", () => world.answering().includes("b"), 20_000);
      world.host("a").faults.crashAfter.clear();
      await world.run(75_000);
      assert.deepEqual(world.owner()!.triedHosts, []);
      world.powerOff("c");
      await untilProtected(world);
      world.powerOff("b");
      await world.until("a answers", () => world.answering().includes("a"));
    }));

  it("goes back to a host that gave it up a moment ago rather than to nobody, when its host dies", () =>
    inProtectedWorld(async (world) => {
      world.host("a").faults.crashAfter.set("db", 200);
      world.crashContainer("a");
      await world.until("b answers", () => world.answering().includes("b"), 20_000);
      world.host("a").faults.crashAfter.clear();
      world.powerOff("c");
      await untilProtected(world);
      world.powerOff("b");
      await world.until("a answers", () => world.answering().includes("a"));
    }));

  it("is given up again after its tries by a host that ran it for long before it gave it up", () =>
    inProtectedWorld(
      async (world) => {
        await world.run(70_000);
        world.crashContainer("a");
        await world.until("b answers", () => world.answering().includes("b"));
        await world.run(75_000);
        await untilProtected(world);
        assert.deepEqual(world.owner()!.triedHosts, []);
        world.host("a").faults.restore.set("db", "CRIU failed");
        world.crashContainer("b");
        await world.until("a gives it up", () => world.owner()!.triedHosts.includes("a"), 60_000);
        assert.equal(world.events("begin-failed").length, 3);
      },
      { spec: { onFailure: { crash: "failover" } as ContainerSpec["onFailure"] } },
    ));

  it("is restored when its probe fails, on the same host and then on the standby, with its memory", () =>
    inProtectedWorld(
      async (world) => {
        const before = world.owner()!;
        const acknowledged = world.invariants.acknowledged("db");
        world.host("a").faults.probe.set("db", "no answer");
        await world.until("a begins again", () => world.owner()!.epoch > before.epoch, 10_000);
        assert.notEqual(world.owner()!.gen, null);
        assert.equal(world.owner()!.host, "a");
        await world.until("b answers", () => world.answering().includes("b"), 60_000);
        await world.run(5000);
        assert.deepEqual(world.answering(), ["b"]);
        assert.ok(world.counter() >= acknowledged);
        assert.deepEqual(world.events("memory-given-up"), []);
      },
      { spec: { probes: [probe] } },
    ));

  it("begins cold, and says loudly that its memory is given up, when it was unhealthy again wherever it was restored", () =>
    inProtectedWorld(
      async (world) => {
        for (const { faults } of world.hosts) faults.probe.set("db", "no answer");
        await world.until("it says so", () => world.events("memory-given-up").length > 0, 60_000);
        assert.equal(world.owner()!.gen, null);
        const [told, ...more] = world.events("memory-given-up");
        assert.match(told!, /GIVES UP ITS MEMORY .*restored, on a and on b/);
        assert.deepEqual(more, []);
        assert.ok(world.view().containers.get("db")!.generation, "kept until the cold start serves");
        for (const { faults } of world.hosts) faults.probe.clear();
        await untilProtected(world);
        assert.ok(world.counter() < 60_000);
      },
      { spec: { probes: [probe] } },
    ));

  it("does not lose its memory by a cold start that fails: the next host goes on from it", () =>
    inProtectedWorld(
      async (world) => {
        const acknowledged = world.invariants.acknowledged("db");
        world.host("a").faults.probe.set("db", "no answer");
        world.host("a").faults.start.set("db", "Cannot find device ha-probe");
        await world.until("b answers", () => world.answering().includes("b"), 60_000);
        assert.ok(world.counter() >= acknowledged);
        assert.notEqual(world.owner()!.gen, null);
      },
      { spec: { probes: [probe], onFailure: { application: "restart", crash: "restore", tries: 3 } } },
    ));

  it("goes on as it is while its host cannot ask it, which status says and an event, once", () =>
    inProtectedWorld(
      async (world) => {
        const before = world.owner()!;
        const degraded = () => world.host("a").agent!.agent.status().containers[0]!.degraded;
        world.host("a").faults.ask.set("*", "the shim ha-probe was missing");
        await world.run(60_000);
        assert.deepEqual(world.answering(), ["a"]);
        assert.equal(world.owner()!.epoch, before.epoch);
        assert.match(degraded()!, /^a cannot ask it .* not its own: the shim ha-probe was missing$/);
        assert.equal(world.events("probe").length, 1);
        world.host("a").faults.ask.clear();
        await world.until("it is asked again", () => degraded() === null, 5000);
        assert.match(world.events("probe")[1]!, /a can ask it again/);
        // What it could not ask before counts neither for it nor against it.
        world.host("a").faults.probe.set("db", "no answer");
        await world.until("it is acted on", () => world.owner()!.epoch > before.epoch, 10_000);
      },
      { spec: { probes: [probe] } },
    ));

  it("is not given up by a first start whose host cannot ask it for a while", () =>
    inWorld({}, async (world) => {
      for (const { faults } of world.hosts) faults.ask.set("*", "the routing rule 7077 was missing");
      await apply(world, specOf({ preferredHost: "a", probes: [probe] }));
      await world.run(10_000);
      for (const { faults } of world.hosts) faults.ask.clear();
      await world.until("a answers", () => world.answering().includes("a"), 2000);
      assert.deepEqual(world.events("begin-failed"), []);
    }));

  it("is begun elsewhere where its host cannot ask it for long", () =>
    inWorld({}, async (world) => {
      world.host("a").faults.ask.set("*", "the routing rule 7077 was missing");
      await apply(world, specOf({ preferredHost: "a", probes: [probe] }));
      await world.until("another host answers", () => world.answering().length === 1, 180_000);
      assert.notDeepEqual(world.answering(), ["a"]);
      assert.match(world.events("begin-failed")[0]!, /by a fault of this host: the routing rule 7077/);
    }));

  it("is found to fail its probe also while its generations are always on their way", () =>
    inProtectedWorld(
      async (world) => {
        const schedule = { intervalMs: 500, retain: 1, stack: "shop/dev" };
        assert.ok((await world.ctl("a", { op: "set-schedule", name: "db", schedule })).ok);
        await world.run(5000);
        const { epoch } = world.owner()!;
        world.host("a").faults.probe.set("db", "no answer");
        await world.until("a begins again", () => world.owner()!.epoch > epoch, 10_000);
      },
      { spec: { probes: [probe] }, transferMs: 20_000 },
    ));

  it("that cannot be checkpointed is refused, with the reason, and leaves nothing behind", () =>
    inWorld({}, async (world) => {
      for (const { faults } of world.hosts) faults.dump.set("db", "io_uring is in use");
      await apply(world, specOf({ preferredHost: "a" }));
      await world.until("it has failed", () => world.owner()?.phase === "FAILED");
      assert.match(world.owner()!.reason, /io_uring is in use/);
      await world.run(1000);
      for (const { machine } of world.hosts) assert.equal(machine!.engine.stateOf("db"), "absent");
    }));

  it("whose trial checkpoint fails for a reason that passes is accepted", () =>
    inWorld({}, async (world) => {
      world.host("a").faults.dumpsLost.set("db", 2);
      await apply(world, specOf({ preferredHost: "a" }));
      await world.until("a answers", () => world.answering().includes("a"));
      assert.match(world.owner()!.reason, /^first start/);
    }));

  it("that one host cannot checkpoint is taken by another", () =>
    inWorld({}, async (world) => {
      world.host("a").faults.dumpsLost.set("db", 1000);
      await apply(world, specOf({ preferredHost: "a" }));
      await world.until("another host answers", () => world.answering().length === 1, 60_000);
      assert.notDeepEqual(world.answering(), ["a"]);
    }));

  it("that ends right after its start is tried again, not called impossible to checkpoint", () =>
    inWorld({}, async (world) => {
      world.host("a").faults.crashAfter.set("db", 5);
      await apply(world, specOf({ preferredHost: "a" }));
      await world.until("another host answers", () => world.answering().length === 1);
      assert.notDeepEqual(world.answering(), ["a"]);
    }));

  it("tells its clients as soon as it can be reached, and never before: after a crash, a lapse, a power cut", () => {
    const reachable: string[][] = [];
    let world: World | undefined;
    const agent: Tamper["agent"] = (env) => ({
      ...env,
      runtime: {
        ...env.runtime,
        tickle(request) {
          if (world) reachable.push(world.answering());
          return env.runtime.tickle(request);
        },
      },
    });
    return inProtectedWorld(
      async (made) => {
        world = made;
        const told = async (host: string) => {
          await made.until("its clients are told", () => reachable.length > 0, 10_000);
          assert.deepEqual(reachable.splice(0), [[host]]);
        };
        made.crashContainer("a");
        await told("a");
        made.links.storeUp = false;
        await made.until("the lease ends", () => made.answering().length === 0, 10_000);
        made.links.storeUp = true;
        await told("a");
        made.powerOff("a");
        await told("b");
      },
      { tamper: { agent } },
    );
  });

  it("serves though it could not be announced", () =>
    inProtectedWorld(async (world) => {
      world.host("b").faults.announce.set("db", "arping: no such device");
      world.powerOff("a");
      await world.until("b answers", () => world.answering().includes("b"));
      const { epoch } = world.owner()!;
      await world.run(5000);
      assert.deepEqual(world.answering(), ["b"]);
      assert.equal(world.owner()!.epoch, epoch);
    }));

  it("whose image no host can get has failed after the tries of each host", () =>
    inWorld({}, async (world) => {
      for (const { faults } of world.hosts) faults.image.set("*", "manifest unknown");
      await apply(world, specOf({ preferredHost: "a" }));
      await world.until("it has failed", () => world.owner()?.phase === "FAILED", 60_000);
      assert.match(world.owner()!.reason, /manifest unknown/);
      await nothingMoreHappens(world);
    }));
});

/** No record of it changes, and nothing is told about it, for a good while. */
async function nothingMoreHappens(world: World): Promise<void> {
  await world.run(2000);
  const before = { owner: world.owner(), story: world.story.length };
  await world.run(20_000);
  assert.deepEqual(world.owner(), before.owner);
  assert.ok(
    world.story.length - before.story < 10,
    world.story.slice(before.story, before.story + 20).join("\n"),
  );
}
