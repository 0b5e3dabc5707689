import assert from "node:assert/strict";
import type { CtlReply, Drained, Rule } from "../../provider/contract";
import { specOf } from "./group";
import { inProtectedWorld, untilProtected } from "./scenario";
import type { World } from "./world";

const apart: Rule = {
  name: "apart",
  kind: "anti-affinity",
  containers: ["db", "web"],
  matchLabels: {},
  topologyKey: "host",
  required: true,
  stack: "shop/dev",
};
const web = specOf({ name: "web", virtualIps: ["10.0.0.101"], preferredHost: "a" });

describe("A drain of a host", () => {
  it("moves what runs there, one after the other, with its memory", () =>
    inProtectedWorld(async (world) => {
      await world.protect(web);
      const counter = world.counter("db");
      const { moved, stayed } = await drain(world, "a");
      assert.deepEqual(moved.map(({ name }) => name).sort(), ["db", "web"]);
      assert.deepEqual(stayed, []);
      assert.notEqual(world.owner("db")!.host, "a");
      assert.notEqual(world.owner("web")!.host, "a");
      await untilProtected(world);
      assert.ok(world.counter("db") > counter);
    }));

  it("moves nothing where one has nowhere to go, unless it is partial", () =>
    inProtectedWorld(async (world) => {
      await world.protect(web);
      await world.protect(specOf({ name: "api", virtualIps: ["10.0.0.102"], preferredHost: "b" }));
      await world.protect(specOf({ name: "log", virtualIps: ["10.0.0.103"], preferredHost: "c" }));
      const rule = { ...apart, containers: ["web", "api", "log"] };
      await world.ctl("a", { op: "set-rule", rule });
      await world.run(500);
      const reply = await world.ctl("c", { op: "drain", host: "a", partial: false });
      assert.ok(!reply.ok);
      assert.match(
        reply.message,
        /^nothing was moved from a: no host can take web: b breaks apart; c breaks apart\. With --partial the others are moved \(db\)$/,
      );
      assert.equal(world.owner("db")!.host, "a");
      const { moved, stayed } = await drain(world, "a", true);
      assert.deepEqual([moved.map(({ name }) => name), stayed.map(({ name }) => name)], [["db"], ["web"]]);
    }));
});

describe("A move that cannot be", () => {
  const refused = async (world: World, to: string, message: RegExp, by = "b") => {
    const before = world.view().containers.get("db")!;
    const reply = await world.ctl(by, { op: "migrate", name: "db", to });
    assert.ok(!reply.ok, JSON.stringify(reply));
    assert.match(reply.message, message);
    assert.deepEqual(world.view().containers.get("db")!.owner!.rev, before.owner!.rev);
    assert.deepEqual(world.answering(), ["a"]);
  };

  it("is refused with the reason: to the same host, an unknown one, one in maintenance, a dead one", () =>
    inProtectedWorld(async (world) => {
      await refused(world, "a", /^db runs on a already$/);
      await refused(world, "x", /^host x is not in group sim; its members: a, b, c$/);
      maintain(world, "b");
      await world.run(1000);
      await refused(world, "b", /^b is in maintenance and takes no containers$/, "c");
      world.powerOff("c");
      await world.run(4000);
      await refused(world, "c", /^c is not live/);
    }));

  it("is refused where a rule forbids it, where it has no room, and to a witness", () =>
    inProtectedWorld(async (world) => {
      await world.protect({ ...web, preferredHost: "b" });
      await world.ctl("a", { op: "set-rule", rule: apart });
      await world.run(500);
      await refused(world, "b", /^db may not run on b: a required rule keeps it from there$/);
      const hosts = world.policy.hosts.map((host) => ({
        ...host,
        role: host.name === "c" ? ("witness" as const) : host.role,
      }));
      world.setPolicy({ hosts });
      await world.run(500);
      await refused(world, "c", /^c is a witness and runs no containers; members: a, b$/);
    }));

  it("is refused while another move of the container is on its way", () =>
    inProtectedWorld(async (world) => {
      const first = world.ctl("a", { op: "migrate", name: "db", to: "b" });
      await world.until("it has begun", () => world.view().containers.get("db")!.migration !== null);
      const second = await world.ctl("c", { op: "migrate", name: "db", to: "c" });
      assert.ok(!second.ok);
      assert.match(second.message, /^db is being moved to b now/);
      assert.ok((await first).ok);
    }));

  it("leaves the container where it is when the target cannot get its image, and says so", () =>
    inProtectedWorld(async (world) => {
      world.host("b").faults.image.set("*", "manifest unknown");
      const reply = await world.ctl("a", { op: "migrate", name: "db", to: "b" });
      assert.ok(!reply.ok);
      assert.match(reply.message, /^db was not moved to b, a serves it: .*manifest unknown/);
      await world.run(1000);
      assert.equal(world.view().containers.get("db")!.migration, null);
      assert.deepEqual(world.answering(), ["a"]);
    }));

  it("goes on where it was within half a second when the dump or the restore fails", () =>
    inProtectedWorld(async (world) => {
      for (const [host, fault] of [
        ["a", "dump"],
        ["b", "restore"],
      ] as const) {
        world.host(host).faults[fault].set("db", "CRIU says no");
        const counter = world.counter();
        const reply = await world.ctl("a", { op: "migrate", name: "db", to: "b" });
        assert.ok(!reply.ok);
        assert.match(reply.message, /CRIU says no/);
        await world.until("a answers", () => world.answering().includes("a"), 500);
        assert.ok(world.counter() >= counter);
        world.host(host).faults[fault].clear();
        await untilProtected(world);
      }
    }));
});

describe("A container whose host must not run it any more", () => {
  it("is moved live from a host in maintenance, which then keeps no standby copy either", () =>
    inProtectedWorld(async (world) => {
      const counter = world.counter();
      maintain(world, "a");
      await world.until("another host owns it", () => world.owner()!.host !== "a");
      await untilProtected(world);
      assert.ok(world.counter() > counter);
      assert.equal(world.events("fence").length, 0);
      await world.run(3000);
      assert.equal(world.host("a").machine!.engine.stateOf("db"), "absent");
      const host = world.owner()!.host;
      maintain(world, null);
      await world.run(5000);
      assert.equal(world.owner()!.host, host);
    }));

  it("stays and says why while no other host may take it, and moves when one may", () =>
    inProtectedWorld(async (world) => {
      const hosts = world.policy.hosts.map((host) => ({ ...host, maintenance: true }));
      world.setPolicy({ hosts });
      await world.run(3000);
      assert.equal(world.owner()!.host, "a");
      const status = world.host("c").agent!.agent.status().containers[0]!;
      assert.match(status.degraded!, /a is in maintenance/);
      maintain(world, "a");
      await world.until("another host owns it", () => world.owner()!.host !== "a");
    }));

  it("is moved live until a required rule is met, and only as much as is needed", () =>
    inProtectedWorld(async (world) => {
      await world.protect(web);
      const counter = world.counter("web");
      await world.ctl("b", { op: "set-rule", rule: apart });
      await world.until(
        "web is elsewhere",
        () => world.owner("web")!.host !== "a" && world.owner("web")!.phase === "RUNNING",
      );
      assert.equal(world.owner("db")!.host, "a");
      await world.until("web answers", () => world.answering("web").length === 1);
      assert.ok(world.counter("web") > counter);
      await world.run(5000);
      assert.equal(world.events("handover").filter((sentence) => sentence.includes("moved from")).length, 1);
    }));
});

function maintain(world: World, name: string | null): void {
  world.setPolicy({
    hosts: world.policy.hosts.map(({ maintenance: _, ...host }) =>
      host.name === name ? { ...host, maintenance: true } : host,
    ),
  });
}

async function drain(world: World, host: string, partial = false): Promise<Drained> {
  const reply: CtlReply = await world.ctl("b", { op: "drain", host, partial });
  assert.ok(reply.ok, JSON.stringify(reply));
  return reply.result as Drained;
}
