import assert from "node:assert/strict";
import { keysOf } from "../../provider/contract";
import { GROUP } from "./group";
import { goesOn, inProtectedWorld } from "./scenario";

const keys = keysOf(GROUP);

describe("In the records of one container", () => {
  it("a cron expression that is none is told, and the default interval stands in for it", () =>
    inProtectedWorld(async (world) => {
      world.garble(keys.schedule("db"), JSON.stringify({ cron: "61 * * * *", retain: 1, stack: "p/dev" }));
      const generation = () => world.view().containers.get("db")!.generation!.value.gen;
      const before = generation();
      await world.until("two more generations", () => generation() >= before + 2);
      const reply = await world.ctl("b", { op: "status" });
      assert.ok(reply.ok);
      assert.match(JSON.stringify(reply.result), /61 \* \* \* \*.*cannot be read/);
    }));

  it("a name that is a path leads to nothing that is deleted", () =>
    inProtectedWorld(async (world) => {
      world.garble(`${keys.containers}../standbys`, JSON.stringify({ hosts: ["a"] }));
      await goesOn(world);
      assert.ok(world.records.snapshot().keys.has(`${keys.containers}../standbys`));
      assert.match(world.events("error").join(), /"\.\." is no name/);
    }));
});
