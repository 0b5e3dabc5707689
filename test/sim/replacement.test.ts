import assert from "node:assert/strict";
import { inProtectedWorld, isProtected, untilProtected } from "./scenario";
import type { World } from "./world";

const REPLACED_MS = 5000;

/** Until the owner's agent knows that the host is dead. */
async function untilKnownDead(world: World, name: string): Promise<void> {
  const seen = () => world.host("a").agent!.agent.status().hosts;
  await world.until("it is known dead", () =>
    seen().some((host) => host.name === name && host.state === "dead"),
  );
}

function isProtectedBy(world: World, standby: string): boolean {
  const hosts = world.view().containers.get("db")!.standbys?.value.hosts ?? [];
  return isProtected(world) && hosts.join() === standby;
}

/** The owner's word on what is missing. */
const degraded = (world: World) => world.host("a").agent!.agent.status().containers[0]!.degraded;

describe("A standby that dies", () => {
  for (const afterMs of [0, 4000, 8000])
    it(`is replaced by a free host within 5 s of being known dead, ${afterMs / 1000} s after a checkpoint`, () =>
      inProtectedWorld(async (world) => {
        const before = world.events("checkpoint").length;
        await world.until("a checkpoint", () => world.events("checkpoint").length > before);
        await world.run(afterMs);
        world.powerOff("b");
        await untilKnownDead(world, "b");
        const done = () => isProtectedBy(world, "c") && degraded(world) === null;
        await world.until("c holds its generation", done, REPLACED_MS);
      }));

  it("is replaced as soon where a generation was on its way to it", () =>
    inProtectedWorld(
      async (world) => {
        await world.run(3000);
        world.powerOff("b");
        await untilKnownDead(world, "b");
        const done = () => isProtectedBy(world, "c") && degraded(world) === null;
        await world.until("c holds its generation", done, REPLACED_MS);
      },
      { scheduled: { intervalMs: 500 } },
    ));

  it("does not keep a generation from being committed on the other standby", () =>
    inProtectedWorld(
      async (world) => {
        await world.run(3000);
        world.powerOff("b");
        await untilKnownDead(world, "b");
        const before = world.events("checkpoint").length;
        await world.until("another one", () => world.events("checkpoint").length > before, 2000);
      },
      { scheduled: { intervalMs: 500 }, spec: { standbys: 2 } },
    ));

  it("catches up when it is back, where no other host is free", () =>
    inProtectedWorld(
      async (world) => {
        world.powerOff("b");
        await world.until("c alone is its standby", () => world.events("standbys").at(-1)!.endsWith("are c"));
        world.powerOn("b");
        await world.until("b is back", () => world.view().hosts.get("b")!.session!.value.sid === "b-2");
        await world.until(
          "b is its standby again",
          () => world.view().containers.get("db")!.standbys!.value.hosts.length === 2,
          5000,
        );
        await untilProtected(world, 5000);
      },
      { spec: { standbys: 2 } },
    ));

  it("for no longer than a restart of its agent takes stays a standby, and no generation is moved to another", () =>
    inProtectedWorld(
      async (world) => {
        const before = world.events("standbys").length;
        world.killAgent("b", 2000);
        await world.run(15_000);
        assert.equal(world.events("standbys").length, before);
        assert.equal(world.events("replicated").filter((told) => told.includes("c holds")).length, 0);
        await untilProtected(world);
      },
      { scheduled: { intervalMs: 500 } },
    ));
});
