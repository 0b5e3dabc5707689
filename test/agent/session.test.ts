import assert from "node:assert/strict";
import { keysOf } from "../../provider/contract";
import { GROUP, specOf } from "../sim/group";
import { apply, inProtectedWorld, inWorld, untilProtected } from "../sim/scenario";

const keys = keysOf(GROUP);

describe("The session of a host", () => {
  it("goes on after a restart of the agent", () =>
    inWorld({}, async (world) => {
      const sid = world.view().hosts.get("a")!.session!.value.sid;
      world.killAgent("a", 500);
      await world.until("the agent is ready", () => world.host("a").agent?.ready === true);
      assert.equal(world.view().hosts.get("a")!.session!.value.sid, sid);
    }));

  it("is a new one after a restart of the host, and the old one is fenced as rebooted", () =>
    inWorld({}, async (world) => {
      world.powerOff("a");
      world.powerOn("a");
      await world.until("the agent is ready", () => world.host("a").agent?.ready === true);
      const { session, fences } = world.view().hosts.get("a")!;
      assert.equal(session!.value.sid, "a-2");
      assert.equal(fences.get("a-1")!.value.method, "reboot");
    }));

  it("of another machine under the same name is no reboot: the machine before it may still serve, so others wait W", () =>
    inProtectedWorld(async (world) => {
      const { sid } = world.owner()!;
      world.host("a").replace();
      const at = world.now();
      world.powerOn("a");
      await world.until("the old one is fenced", () => world.view().hosts.get("a")!.fences.has(sid));
      assert.equal(world.view().hosts.get("a")!.fences.get(sid)!.value.method, "operator");
      await world.until("it was taken", () => world.owner()!.sid !== sid);
      assert.ok(world.now() - at >= world.policy.timing.fenceMs);
      await untilProtected(world);
    }));

  it("is a new one when its file is lost without a reboot: every copy is killed, and others wait W", () =>
    inProtectedWorld(async (world) => {
      const { sid } = world.owner()!;
      world.killAgent("a");
      world.host("a").machine!.session = null;
      const at = world.now();
      world.host("a").startAgent();
      await world.until("the old one is fenced", () => world.view().hosts.get("a")!.fences.has(sid));
      assert.equal(world.view().hosts.get("a")!.fences.get(sid)!.value.method, "operator");
      assert.equal(world.host("a").machine!.engine.stateOf("db"), "absent");
      await world.until("it was taken", () => world.owner()!.sid !== sid);
      assert.ok(world.now() - at >= world.policy.timing.fenceMs);
      await untilProtected(world);
    }));

  it("is left alone by a machine that was cloned from the host, which says so and waits", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("a");
      const heartbeat = world.view().hosts.get("a")!.heartbeat!.value;
      let twin = true;
      let n = heartbeat.n;
      const renew = () => {
        n += 1;
        const value = JSON.stringify({ ...heartbeat, n });
        world.records.apply({ compares: [], writes: [{ put: keys.heartbeat("a"), value }] });
        if (twin) world.later(world.policy.timing.intervalMs, renew);
      };
      renew();
      world.powerOn("a");
      await world.run(10_000);
      const seen = world.view().hosts.get("a")!;
      assert.deepEqual([seen.session!.value.sid, seen.fences.size], ["a-1", 0]);
      assert.match(
        world.events("twin").join("\n"),
        /^another machine renews the session of a \(a-1\): this one has its identity/,
      );
      twin = false;
      await world.until(
        "a has a session of its own",
        () => world.view().hosts.get("a")!.session!.value.sid === "a-2",
      );
    }));

  it("begins only after the store can be read, however long that takes", () =>
    inWorld({}, async (world) => {
      world.links.storeUp = false;
      world.powerOff("a");
      world.powerOn("a");
      await world.run(20_000);
      assert.ok(!world.host("a").agent!.ready);
      world.links.storeUp = true;
      await world.until("the agent is ready", () => world.host("a").agent!.ready, 2000);
    }));

  it("begins once when the reply to its record is lost", () =>
    inWorld({}, async (world) => {
      let lost = 0;
      world.links.losesReplyTo = ({ writes }) => {
        const begins = writes.some((write) => "put" in write && write.put === keys.session("a"));
        if (!begins || lost > 0) return false;
        lost += 1;
        return true;
      };
      world.powerOff("a");
      world.powerOn("a");
      await world.until("the agent is ready", () => world.host("a").agent!.ready);
      assert.equal(lost, 1);
      assert.equal(world.view().hosts.get("a")!.session!.value.sid, "a-2");
    }));

  it("ends with a tombstone: the container is killed before another session begins", () =>
    inProtectedWorld(async (world) => {
      const { sid } = world.owner()!;
      const fence = { by: "operator", method: "operator", at: "" };
      world.records.apply({
        compares: [],
        writes: [{ put: keys.fence("a", sid), value: JSON.stringify(fence) }],
      });
      await world.until(
        "a has another session",
        () => world.view().hosts.get("a")!.session!.value.sid !== sid,
      );
      assert.equal(world.host("a").machine!.engine.stateOf("db"), "absent");
    }));

  it("that ends while a container is being started waits for the start before the next one begins", () =>
    inWorld({ durations: { start: 3000, prepare: 100, restore: 100, dump: 30, small: 2 } }, async (world) => {
      await apply(world, specOf({ preferredHost: "a" }));
      await world.until("a starts it", () => world.owner()?.host === "a");
      await world.run(500);
      const fence = { by: "operator", method: "operator", at: "" };
      const { sid } = world.owner()!;
      world.records.apply({
        compares: [],
        writes: [{ put: keys.fence("a", sid), value: JSON.stringify(fence) }],
      });
      await untilProtected(world);
      // Nothing of the interrupted start is left anywhere.
      const [serving] = world.answering();
      for (const { name, machine } of world.hosts) {
        if (name !== serving) assert.notEqual(machine!.engine.stateOf("db"), "running", name);
      }
    }));
});
