import assert from "node:assert/strict";
import { keysOf } from "../../provider/contract";
import { GROUP, specOf } from "./group";
import { apply, inProtectedWorld, inWorld, isProtected, untilProtected } from "./scenario";
import type { World } from "./world";

const keys = keysOf(GROUP);

describe("The records of a container", () => {
  it("have exactly one owner after a take-over whose reply was lost", () =>
    inProtectedWorld(async (world) => {
      const { epoch } = world.owner()!;
      let lost = 0;
      world.links.losesReplyTo = ({ writes }) => {
        const takes = writes.some((write) => "put" in write && write.put === keys.owner("db"));
        if (!takes || lost >= 2) return false;
        lost += 1;
        return true;
      };
      world.powerOff("a");
      await world.until("one host answers", () => world.answering().length === 1);
      await world.run(3000);
      assert.equal(lost, 2);
      assert.equal(world.owner()!.epoch, epoch + 1);
      assert.equal(world.answering().length, 1);
    }));

  it("have one owner when two standbys race for it", () =>
    inProtectedWorld(
      async (world) => {
        const { epoch } = world.owner()!;
        world.host("b").agent!.process.pause();
        world.host("c").agent!.process.pause();
        world.powerOff("a");
        await world.run(1000);
        world.host("b").agent!.process.resume();
        world.host("c").agent!.process.resume();
        await world.until("one host answers", () => world.answering().length === 1);
        await world.run(3000);
        assert.equal(world.owner()!.epoch, epoch + 1);
        assert.equal(world.events("failover").length, 1);
      },
      { spec: { standbys: 2 } },
    ));

  it("say a new epoch and no generation when the specification changes, and it starts cold", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      await apply(world, specOf({ preferredHost: "a", image: "redis:8" }));
      await world.until("it begins again", () => world.owner()!.epoch === before.epoch + 1);
      assert.equal(world.owner()!.gen, null);
      assert.equal(world.view().containers.get("db")!.generation, null);
      await untilProtected(world);
      assert.ok(world.counter() < 10_000);
      assert.deepEqual(world.answering(), ["a"]);
    }));

  it("say a cold start when the specification changed while its host was dead", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("a");
      await apply(world, specOf({ preferredHost: "a", image: "redis:8" }), "b");
      await world.until("another host answers", () => world.answering().length === 1);
      assert.equal(world.owner()!.gen, null);
      await untilProtected(world);
    }));

  it("are gone after a removal, and so are copies and generations on every host", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("b");
      await world.until("c is its standby", () =>
        world.view().containers.get("db")!.standbys!.value.hosts.includes("c"),
      );
      await untilProtected(world);
      const reply = await world.ctl("c", { op: "remove", name: "db", stack: "shop/dev" });
      assert.ok(reply.ok);
      await world.run(500);
      assertNothingLeft(world, ["a", "c"]);
      world.powerOn("b");
      await world.until("b has forgotten it", () => world.host("b").disk.containers().length === 0);
      assertNothingLeft(world, ["a", "b", "c"]);
    }));

  it("are gone after a removal, and so is a generation that arrives after it", () =>
    inProtectedWorld(async (world) => {
      const reply = await world.ctl("c", { op: "remove", name: "db", stack: "shop/dev" });
      assert.ok(reply.ok);
      world.host("b").disk.plant({ container: "db", epoch: 99, gen: 1 });
      await world.until("b has forgotten it", () => world.host("b").disk.containers().length === 0, 70_000);
    }));

  it("are gone after a removal while the owner is dead", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("a");
      const reply = await world.ctl("c", { op: "remove", name: "db", stack: "shop/dev" });
      assert.ok(reply.ok, JSON.stringify(reply));
      world.powerOn("a");
      await world.until("a has forgotten it", () => world.host("a").disk.containers().length === 0);
      assertNothingLeft(world, ["a", "b", "c"]);
    }));

  it("may be made anew under the same name while a host with an older life of it is dead", () =>
    inProtectedWorld(async (world) => {
      world.crashContainer("a");
      const generation = () => world.view().containers.get("db")!.generation!.value;
      await world.until("a generation of the new epoch", () => generation().epoch === world.owner()!.epoch);
      world.powerOff("c");
      await world.run(1000);
      world.powerOff("b");
      const reply = await world.ctl("a", { op: "remove", name: "db", stack: "shop/dev" });
      assert.ok(reply.ok);
      // b finds the new container of the old name, not that the old one is gone.
      const key = keys.spec("db");
      const spec = JSON.stringify({ ...specOf({ preferredHost: "a" }), candidates: ["a", "b"] });
      world.records.apply({ compares: [], writes: [{ put: key, value: spec }] });
      world.powerOn("b");
      await untilProtected(world);
      assert.deepEqual(world.view().containers.get("db")!.standbys!.value.hosts, ["b"]);
    }));

  it("that this version cannot read are left alone, and so is what runs", () =>
    inProtectedWorld(async (world) => {
      const { spec } = world.view().containers.get("db")!;
      const newer = JSON.stringify({ ...spec!.value, burst: true });
      world.records.apply({ compares: [], writes: [{ put: keys.spec("db"), value: newer }] });
      await world.run(5000);
      assert.deepEqual(world.answering(), ["a"]);
      assert.equal(world.host("b").machine!.engine.stateOf("db"), "prepared");
      assert.equal(world.records.snapshot().keys.get(keys.spec("db"))!.value, newer);
      assert.ok(world.host("b").disk.containers().includes("db"));
    }));

  it("pass to nobody within W of an operator's tombstone", () =>
    inProtectedWorld(async (world) => {
      const { sid } = world.owner()!;
      const tombstone = { by: "operator", method: "operator", at: "2026-01-01T00:00:00Z" };
      const at = world.now();
      world.records.apply({
        compares: [],
        writes: [{ put: keys.fence("a", sid), value: JSON.stringify(tombstone) }],
      });
      await world.until("another host owns it", () => world.owner()!.sid !== sid);
      assert.ok(world.now() - at >= world.policy.timing.fenceMs, `after ${world.now() - at} ms`);
    }));

  it("pass at once from a host that was restarted, whose own record says so", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("a");
      world.powerOn("a");
      const at = world.now();
      await world.until("another host answers", () => world.answering().length === 1);
      assert.equal(world.owner()!.host, "b");
      assert.ok(world.now() - at < world.policy.timing.fenceMs, `after ${world.now() - at} ms`);
    }));

  it("name two containers apart where a rule keeps them apart, also after a failover", () =>
    inWorld({}, async (world) => {
      const label = { labels: [{ label: "tier", value: "db" }] };
      for (const [name, address] of [
        ["one", "10.0.0.101"],
        ["two", "10.0.0.102"],
      ] as const) {
        const spec = specOf({ name, virtualIps: [address] });
        await world.protect({ ...spec, workload: { ...spec.workload, ...label } });
        if (name === "one") {
          const rule = {
            name: "apart",
            kind: "anti-affinity" as const,
            containers: [],
            matchLabels: { tier: "db" },
            topologyKey: "host",
            required: true,
            stack: "shop/dev",
          };
          assert.ok((await world.ctl("a", { op: "set-rule", rule })).ok);
        }
      }
      const hosts = () => ["one", "two"].flatMap((name) => world.answering(name));
      // The first one's standby may have been chosen before the second one came to run there.
      const standbysOf = (name: string) => world.view().containers.get(name)!.standbys?.value.hosts ?? [];
      await world.until("both are protected, each by the third host", () =>
        ["one", "two"].every(
          (name) => isProtected(world, name) && !standbysOf(name).some((host) => hosts().includes(host)),
        ),
      );
      assert.equal(new Set(hosts()).size, 2);
      world.powerOff(hosts()[0]!);
      await world.until("both answer", () => hosts().length === 2);
      assert.equal(new Set(hosts()).size, 2);
    }));
});

function assertNothingLeft(world: World, hosts: string[]): void {
  assert.deepEqual(
    [...world.records.snapshot().keys.keys()].filter((key) => key.startsWith(keys.containers)),
    [],
  );
  for (const name of hosts) {
    assert.equal(world.host(name).machine!.engine.stateOf("db"), "absent", name);
    assert.deepEqual(world.host(name).disk.containers(), [], name);
  }
}
