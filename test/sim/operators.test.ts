import assert from "node:assert/strict";
import { type CtlRequest, keysOf, type Policy } from "../../provider/contract";
import { GROUP } from "./group";
import { inProtectedWorld } from "./scenario";
import type { World } from "./world";

const fenceOf = (host: string, confirmedOff = false): CtlRequest => ({
  op: "fence",
  host,
  confirmedOff,
  dryRun: false,
});
const failoverOf = (to?: string, dryRun = false): CtlRequest => ({ op: "failover", name: "db", to, dryRun });

async function done(world: World, host: string, request: CtlRequest): Promise<unknown> {
  const reply = await world.ctl(host, request);
  assert.ok(reply.ok, JSON.stringify(reply));
  return reply.result;
}

async function refused(world: World, host: string, request: CtlRequest, why: RegExp): Promise<void> {
  const before = JSON.stringify(
    [...world.records.snapshot().keys].filter(([key]) => /\/(ct|fence)\//.test(key)),
  );
  const reply = await world.ctl(host, request);
  assert.ok(!reply.ok);
  assert.match(reply.message, why);
  const after = JSON.stringify(
    [...world.records.snapshot().keys].filter(([key]) => /\/(ct|fence)\//.test(key)),
  );
  assert.equal(after, before, "a refused request changes nothing");
}

const answers = (world: World, host: string) =>
  world.until(`${host} answers`, () => world.answering().join() === host);

const setFailover = async (world: World, change: Partial<Policy>) => {
  world.setPolicy(change);
  await world.run(1000);
};

describe("An operator's failover", () => {
  it("stops the container on a healthy host and lets the standby go on from its last generation", () =>
    inProtectedWorld(async (world) => {
      const acknowledged = world.invariants.acknowledged("db");
      const result = await done(world, "c", failoverOf());
      assert.deepEqual(result, { name: "db", from: "a", to: "b", epoch: world.owner()!.epoch });
      await answers(world, "b");
      assert.ok(world.counter() >= acknowledged);
      assert.deepEqual([world.events("fence").length, world.owner()!.triedHosts], [0, []]);
    }));

  it("tells before what it will do, and changes nothing by that", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner();
      const { will } = (await done(world, "c", failoverOf(undefined, true))) as { will: string };
      assert.match(
        will,
        /^This stops db on a, where it is RUNNING\. Then b goes on with it from its generation \d+-\d+, which is \d+ s old; what it did since is lost, and the connections of its clients end\.$/,
      );
      assert.deepEqual(world.owner(), before);
    }));

  it("goes to the host that is named, though another standby would come first", () =>
    inProtectedWorld(
      async (world) => {
        await world.until(
          "two standbys hold it",
          () => world.view().containers.get("db")!.generation!.value.holders.length === 3,
        );
        await done(world, "a", failoverOf("c"));
        await answers(world, "c");
        assert.equal(world.events("failover").length, 1);
      },
      { spec: { standbys: 2 } },
    ));

  it("goes to a host that does not hold its generation, which fetches it while the container serves", () =>
    inProtectedWorld(
      async (world) => {
        const before = world.owner()!;
        let servedMs = 0;
        world.records.onChange(({ key, after }) => {
          if (key.endsWith("/db/gen") && after?.value.includes('"c"')) servedMs = world.now();
          if (key.endsWith("/db/owner") && world.owner()!.phase === "STOPPED")
            assert.ok(servedMs > 0, "stopped before c had the generation");
        });
        const result = (await done(world, "c", failoverOf("c"))) as { to: string; fetched: string };
        assert.equal(result.to, "c");
        assert.match(result.fetched, /^c fetched its generation \d+-\d+ \(64 MB\) first, in \d+ ms$/);
        await answers(world, "c");
        assert.equal(world.owner()!.epoch, before.epoch + 1);
      },
      { transferMs: 2000 },
    ));

  it("goes to such a host also where newer generations are committed all the time", () =>
    inProtectedWorld(
      async (world) => {
        const acknowledged = world.invariants.acknowledged("db");
        await done(world, "b", failoverOf("c"));
        await answers(world, "c");
        assert.ok(world.counter() >= acknowledged);
      },
      { transferMs: 1000, scheduled: { intervalMs: 500 } },
    ));

  it("leaves the container where it is when the host cannot fetch the generation", () =>
    inProtectedWorld(async (world) => {
      world.host("c").disk.full = true;
      const { epoch } = world.owner()!;
      const reply = await world.ctl("a", failoverOf("c"));
      assert.ok(!reply.ok);
      assert.match(
        reply.message,
        /^c could not fetch generation \d+-\d+ \(64 MB\) of db, which stays as it is: .*no space left/,
      );
      assert.deepEqual([world.owner()!.epoch, world.answering()], [epoch, ["a"]]);
    }));

  it("has failed, as its answer says, when the host that is named could not begin it and the first one goes on", () =>
    inProtectedWorld(async (world) => {
      world.host("b").faults.restore.set("db", "CRIU failed");
      const at = world.now();
      const reply = await world.ctl("a", failoverOf("b"));
      assert.ok(!reply.ok);
      assert.match(
        reply.message,
        /^b did not go on with db: .*b could not begin it: CRIU failed.*; a serves it at epoch \d+$/,
      );
      assert.ok(world.now() - at < 5000, `after ${world.now() - at} ms`);
      await answers(world, "a");
    }));

  it("is answered as soon as the host could not begin it, where no other live one could", () =>
    inProtectedWorld(async (world) => {
      world.host("b").faults.image.set("*", "manifest unknown");
      world.host("b").faults.restore.set("db", "image not known");
      world.powerOff("c");
      world.host("a").faults.crashAfter.set("db", 200);
      await setFailover(world, { failover: "manual" });
      world.crashContainer("a");
      await world.until("a gives it up", () => world.owner()!.phase === "STOPPED", 20_000);
      world.powerOff("a");
      await world.run(5000);
      const at = world.now();
      const reply = await world.ctl("b", failoverOf("b"));
      assert.ok(!reply.ok);
      assert.match(
        reply.message,
        /^db is STOPPED on b, not served by b: b could not begin it: manifest unknown; it waits until a or c is live and may run it; "container-ha failover db --to HOST"/,
      );
      assert.ok(world.now() - at < 5000, `after ${world.now() - at} ms`);
    }));

  it("is refused for a host that is unknown, has it already, or could fetch its generation from nobody", () =>
    inProtectedWorld(async (world) => {
      await refused(world, "b", failoverOf("x"), /^host x is not in group sim$/);
      await refused(world, "b", failoverOf("a"), /^db is on a already$/);
      await refused(
        world,
        "b",
        { op: "failover", name: "web", dryRun: false },
        /^container web is not protected/,
      );
      world.powerOff("a");
      world.powerOff("b");
      await setFailover(world, { failover: "manual" });
      await world.run(4000);
      const sid = world.view().hosts.get("a")!.session!.value.sid;
      const value = JSON.stringify({ by: "c", method: "operator", at: "", confirmedOff: true });
      world.records.apply({ compares: [], writes: [{ put: keysOf(GROUP).fence("a", sid), value }] });
      await refused(
        world,
        "c",
        failoverOf("c"),
        /^c cannot take db: its generation \d+-\d+ is held only by a, b, none of which is live$/,
      );
    }));

  it("is refused for a dead host, and names the command that comes first", () =>
    inProtectedWorld(async (world) => {
      await setFailover(world, { failover: "manual" });
      world.powerOff("a");
      await world.run(4000);
      await refused(
        world,
        "b",
        failoverOf(),
        /does not renew its lease, but may still run it: fence it first with "container-ha fence a"/,
      );
    }));

  it("lets a container that has failed everywhere begin again", () =>
    inProtectedWorld(async (world) => {
      for (const { faults } of world.hosts) faults.crashAfter.set("db", 200);
      world.crashContainer("a");
      await world.until("it has failed", () => world.owner()!.phase === "FAILED", 60_000);
      const { host } = world.owner()!;
      for (const { faults } of world.hosts) faults.crashAfter.clear();
      await done(world, "c", failoverOf(host));
      await answers(world, host);
    }));
});

describe("What failed before an operator's failover", () => {
  it("does not count on the host that had given it up, which goes on after its next crash", () =>
    inProtectedWorld(async (world) => {
      for (const { faults } of world.hosts) faults.crashAfter.set("db", 200);
      world.crashContainer("a");
      await world.until("it has failed", () => world.owner()!.phase === "FAILED", 60_000);
      const { host } = world.owner()!;
      for (const { faults } of world.hosts) faults.crashAfter.clear();
      await done(world, "c", failoverOf(host));
      const { tries, triedHosts, epoch } = world.owner()!;
      assert.deepEqual([tries, triedHosts], [0, []]);
      world.crashContainer(host);
      await world.until("it begins again", () => world.owner()!.epoch > epoch);
      await answers(world, host);
    }));

  it("does not count on the host that is to take it from a healthy one", () =>
    inProtectedWorld(async (world) => {
      world.host("a").faults.crashAfter.set("db", 200);
      world.crashContainer("a");
      await answers(world, "b");
      world.host("a").faults.crashAfter.clear();
      await world.until("a holds it", () =>
        world.view().containers.get("db")!.standbys!.value.hosts.includes("a"),
      );
      await done(world, "c", failoverOf("a"));
      assert.deepEqual(world.owner()!.triedHosts, []);
    }));
});

describe("An operator's fence", () => {
  it("of a living host ends its session, and its containers are taken when W has passed", () =>
    inProtectedWorld(async (world) => {
      const at = world.now();
      await done(world, "b", fenceOf("a"));
      await answers(world, "b");
      assert.ok(world.now() - at >= world.policy.timing.fenceMs, `after ${world.now() - at} ms`);
      await world.until("a is back", () => world.view().hosts.get("a")!.session!.value.sid === "a-2");
    }));

  it("of a host that is confirmed off lets its containers be taken at once", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("a");
      const cutAt = world.now();
      let accepted = false;
      // Who reads its last renewal some time after it counts from then.
      while (!accepted && world.now() - cutAt < world.policy.timing.fenceMs) {
        await world.run(50);
        accepted = (await world.ctl("b", fenceOf("a", true))).ok;
      }
      assert.ok(accepted, "as confirmed off before W has passed");
      const at = world.now();
      await answers(world, "b");
      assert.ok(world.now() - at < 1000, `after ${world.now() - at} ms`);
    }));

  it("is refused as confirmed off while the host renews", () =>
    inProtectedWorld(async (world) => {
      await refused(
        world,
        "b",
        fenceOf("a", true),
        /^a was seen to renew its lease \d+ ms ago, so it is not off: leave --confirmed-off out/,
      );
    }));

  it("is refused for the last live host", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("c");
      world.powerOff("b");
      await world.run(5000);
      await refused(world, "a", fenceOf("a"), /^a is the last live host: no other could take its containers/);
    }));

  it("tells before what it will do", () =>
    inProtectedWorld(async (world) => {
      const { will } = (await done(world, "b", { ...fenceOf("a"), dryRun: true } as CtlRequest)) as {
        will: string;
      };
      assert.match(
        will,
        /^This ends the session of a: .* Other hosts take db from the last generations after 2450 ms, as it may be alive; what was done since those is lost\.$/,
      );
      assert.equal(world.view().hosts.get("a")!.fences.size, 0);
    }));

  it("may be of the host that is asked", () =>
    inProtectedWorld(async (world) => {
      await done(world, "a", fenceOf("a"));
      await answers(world, "b");
    }));
});

describe("A group whose failover is manual", () => {
  it("leaves a dead host's container down until an operator has fenced the host", () =>
    inProtectedWorld(async (world) => {
      await setFailover(world, { failover: "manual" });
      world.powerOff("a");
      await world.run(20_000);
      assert.deepEqual([world.answering(), world.events("fence").length], [[], 0]);
      await done(world, "b", fenceOf("a", true));
      await answers(world, "b");
    }));

  it("lets the container begin again where it was when its host is back", () =>
    inProtectedWorld(async (world) => {
      await setFailover(world, { failover: "manual" });
      world.powerOff("a");
      await world.run(10_000);
      world.powerOn("a");
      await answers(world, "a");
      const moves = world.events("failover").filter((sentence) => !sentence.includes("begins again on a"));
      assert.deepEqual(moves, []);
    }));

  it("leaves a container that was given up where it is until an operator says where it goes", () =>
    inProtectedWorld(async (world) => {
      await setFailover(world, { failover: "manual" });
      world.host("a").faults.crashAfter.set("db", 200);
      world.crashContainer("a");
      await world.until("a gives it up", () => world.owner()!.phase === "STOPPED", 20_000);
      await world.run(10_000);
      assert.deepEqual(world.answering(), []);
      const status = world.host("c").agent!.agent.status();
      assert.match(status.containers[0]!.degraded!, /as failover is manual, "container-ha failover db"/);
      await done(world, "c", failoverOf());
      await answers(world, "b");
    }));
});

describe("A host that is fenced again and again", () => {
  it("takes no container while it is held down, and is shown so, if another host can", () =>
    inProtectedWorld(
      async (world) => {
        world.cut("a");
        await world.until("another host answers", () => /b|c/.test(world.answering().join()));
        world.heal();
        await world.until("a is back", () => world.view().hosts.get("a")!.session!.value.flaps === 1);
        await world.until("a holds it too", () => {
          const { generation, standbys, owner } = world.view().containers.get("db")!;
          const { epoch, holders } = generation!.value;
          const isNew = epoch === owner!.value.epoch;
          return standbys!.value.hosts.includes("a") && isNew && holders.length === 3;
        });
        const [first] = world.answering();
        const seen = world
          .host("c")
          .agent!.agent.status()
          .hosts.find((host) => host.name === "a")!;
        assert.ok(seen.holdDownMs > 10_000 && seen.holdDownMs <= 30_000, `${seen.holdDownMs}`);
        world.powerOff(first!);
        await answers(world, first === "b" ? "c" : "b");
      },
      { spec: { standbys: 2 } },
    ));

  it("takes it all the same when no other host could", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("c");
      world.cut("a");
      await answers(world, "b");
      world.heal();
      await world.until(
        "a holds it too",
        () =>
          world.view().containers.get("db")!.generation!.value.holders.includes("a") &&
          world.view().containers.get("db")!.standbys!.value.hosts.includes("a"),
      );
      world.powerOff("b");
      await world.until("a answers", () => world.answering().includes("a"), 10_000);
    }));
});

describe("A host whose clock runs too differently", () => {
  it("is fenced by no host that has measured it, and both say so", () =>
    inProtectedWorld(
      async (world) => {
        await world.run(30_000);
        assert.ok(
          world
            .events("clock")
            .some((sentence) => sentence.startsWith("the clocks of a and b differ in rate by 12.0 %")),
        );
        assert.ok(
          world
            .host("b")
            .agent!.agent.status()
            .hosts.find((host) => host.name === "a")!.clockAlarm,
        );
        world.powerOff("a");
        await world.run(10_000);
        assert.deepEqual([world.answering(), world.events("fence").length], [[], 0]);
      },
      { rates: { a: 1.12 } },
    ));

  it("within half of what W allows for is fenced as any other", () =>
    inProtectedWorld(
      async (world) => {
        await world.run(30_000);
        assert.equal(world.events("clock").length, 0);
        world.powerOff("a");
        await answers(world, "b");
      },
      { rates: { a: 1.08 } },
    ));
});
