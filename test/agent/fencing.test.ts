import assert from "node:assert/strict";
import { keysOf } from "../../provider/contract";
import { GROUP, specOf } from "../sim/group";
import { inProtectedWorld, inWorld } from "../sim/scenario";
import { ownerOf } from "./support/views";

const keys = keysOf(GROUP);

describe("A fence", () => {
  it("never comes for a silent host that owns nothing", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("c");
      await world.run(15_000);
      assert.equal(world.events("fence").length, 0);
    }));

  it("never comes where nobody could take what the silent host owns", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("b");
      await world.until("c holds nothing yet", () => world.host("c").disk.containers().length === 0);
      world.cut("a", "store");
      await world.run(8000);
      assert.equal(world.events("fence").length, 0);
      assert.equal(world.host("a").machine!.engine.stateOf("db"), "frozen");
      world.heal();
      await world.until("a goes on", () => world.answering().includes("a"), 3000);
    }));

  it("comes not before W, and the gate has closed by then, also where the owner's lease is longer than agreed", () =>
    inProtectedWorld(async (world) => {
      const { timing } = world.policy;
      // The hosts change to a longer lease one after another; a dies when it has, and the others have not.
      world.setPolicy({ timing: { ...timing, leaseMs: 6000, fenceMs: 7300 } });
      await world.until(
        "a announces it",
        () => world.view().hosts.get("a")!.heartbeat!.value.leaseMs === 6000,
      );
      world.setPolicy({ timing });
      world.powerOff("a");
      const at = world.now();
      await world.until("another host answers", () => world.answering().length === 1);
      assert.ok(world.now() - at > 7000, `after ${world.now() - at} ms`);
    }));

  it("is written for a host that began a session, took a container and died before its first heartbeat", () =>
    inWorld({}, async (world) => {
      world.powerOff("a");
      await world.run(4000);
      world.powerOn("a");
      await world.until(
        "its new session is there",
        () => world.view().hosts.get("a")!.session!.value.sid === "a-2",
      );
      world.powerOff("a");
      const spec = { ...specOf(), candidates: ["a", "b", "c"] };
      const put = (key: string, value: unknown) => ({ put: key, value: JSON.stringify(value) });
      world.records.apply({
        compares: [],
        writes: [
          put(keys.spec("db"), spec),
          put(keys.owner("db"), ownerOf({ sid: "a-2", phase: "RESTORING" })),
          { delete: keys.heartbeat("a") },
        ],
      });
      await world.until("another host answers", () => world.answering().length === 1);
      assert.equal(world.events("fence").length, 1);
    }));
});
