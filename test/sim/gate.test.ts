import assert from "node:assert/strict";
import { inProtectedWorld } from "./scenario";

describe("A gate whose table somebody deletes", () => {
  it("is made anew, and the container is reachable again within seconds under the same epoch", () =>
    inProtectedWorld(async (world) => {
      const { epoch } = world.owner()!;
      world.host("a").machine!.kernel.flush();
      await world.until("it is noticed", () => world.events("gate").length > 0, 2000);
      await world.until("a answers", () => world.answering().includes("a"), 3000);
      await world.run(5000);
      assert.equal(world.owner()!.epoch, epoch);
      assert.deepEqual(world.answering(), ["a"]);
    }));

  it("and that cannot be made anew has its containers frozen before another host may take them", () =>
    inProtectedWorld(async (world) => {
      const { kernel, engine } = world.host("a").machine!;
      kernel.broken = true;
      kernel.flush();
      await world.until("a freezes it", () => engine.stateOf("db") === "frozen", 2000);
      await world.until("b answers", () => world.answering().includes("b"));
      assert.deepEqual(world.answering(), ["b"]);
    }));

  it("and that can be made anew a moment later gives its containers back", () =>
    inProtectedWorld(async (world) => {
      const { epoch } = world.owner()!;
      const { kernel, engine } = world.host("a").machine!;
      kernel.broken = true;
      kernel.flush();
      await world.until("a freezes it", () => engine.stateOf("db") === "frozen", 2000);
      kernel.broken = false;
      await world.until("a answers", () => world.answering().includes("a"), 5000);
      assert.equal(world.owner()!.epoch, epoch);
    }));
});
