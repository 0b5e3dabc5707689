import assert from "node:assert/strict";
import { timingOf } from "../../provider/contract";
import { inProtectedWorld } from "./scenario";
import { happening } from "./vocabulary";
import type { World, WorldOptions } from "./world";

const timings = {
  "leases of 2 s": timingOf("default", false),
  "leases of 0.8 s": timingOf("fast", false),
  "leases of 0.5 s": timingOf("fast", true),
};

/** A protected container in a group with `onQuorumLoss: "failsafe"`, whose list of members is recorded. */
function inFailsafeWorld(scenario: (world: World) => Promise<void>, o: WorldOptions = {}): Promise<void> {
  return inProtectedWorld(async (world) => {
    world.setPolicy({ onQuorumLoss: "failsafe" });
    await world.until("it is recorded who may take it", () => members(world) !== null);
    await world.run(1000);
    await scenario(world);
  }, o);
}

function members(world: World): string[] | null {
  return world.view().containers.get("db")!.failsafe?.value.members ?? null;
}

describe("A container of a group that serves on without a quorum", () => {
  for (const [profile, timing] of Object.entries(timings))
    it(`is served without a gap while nobody reaches the store and every member promises, with ${profile}`, () =>
      inFailsafeWorld(
        async (world) => {
          const before = world.owner()!;
          assert.deepEqual(members(world), ["a", "b", "c"]);
          world.links.storeUp = false;
          await untilAnswersFor(world, 20_000);
          world.links.storeUp = true;
          await untilAnswersFor(world, 6000);
          assert.equal(world.owner()!.epoch, before.epoch);
          assert.equal(world.events("fence").length, 0);
        },
        { timing },
      ));

  it("has its status tell what becomes of it, what does, and that it would freeze while a member is down", () =>
    inFailsafeWorld(async (world) => {
      const told = () => world.host("a").agent!.agent.status().onQuorumLoss;
      assert.match(told()!, /^containers are served on while every host/);
      world.links.storeUp = false;
      await world.run(3000);
      assert.match(told()!, /what it owns is served on/);
      world.links.storeUp = true;
      await world.run(3000);
      world.powerOff("c");
      await world.until("it tells who is away", () => /would freeze, as c could not/.test(told()!), 5000);
    }));

  it("is frozen when a member is dead as well, as without failsafe, and goes on where it was", () =>
    inFailsafeWorld(async (world) => {
      const before = world.owner()!;
      world.links.storeUp = false;
      await untilAnswersFor(world, 5000);
      world.powerOff("c");
      await untilFrozen(world);
      world.links.storeUp = true;
      await world.until("a answers", () => world.answering().includes("a"), 3000);
      assert.equal(world.owner()!.epoch, before.epoch);
    }));

  it("is frozen on a host that reaches neither the store nor one of the members, and is taken over", () =>
    inFailsafeWorld(async (world) => {
      world.cut("a", "store");
      world.links.cut("a", "c");
      world.links.cut("c", "a");
      await world.until("another host answers", () => answersOn(world, "b"), 8000);
    }));

  it("is not taken by a host that has the store back, before its promise is over", () =>
    inFailsafeWorld(async (world) => {
      world.links.storeUp = false;
      await untilAnswersFor(world, 5000);
      world.cut("a", "store");
      const cutAt = world.now();
      world.links.storeUp = true;
      await world.until("b answers", () => answersOn(world, "b"), 12_000);
      const { fenceMs } = world.policy.timing;
      assert.ok(world.now() - cutAt >= fenceMs, `taken ${world.now() - cutAt} ms after the store came back`);
    }));

  it("is taken over from a host that alone has lost the store, though every member could promise", () =>
    inFailsafeWorld(async (world) => {
      world.cut("a", "store");
      await world.until("b answers", () => answersOn(world, "b"), 8000);
    }));

  it("is frozen when the agent of a member is started again while nobody reaches the store", () =>
    inFailsafeWorld(async (world) => {
      world.links.storeUp = false;
      await untilAnswersFor(world, 5000);
      world.killAgent("b", 100);
      await untilFrozen(world);
    }));

  it("is frozen when its own lease process is started again meanwhile, since no promise tells who owns it", () =>
    inFailsafeWorld(async (world) => {
      world.links.storeUp = false;
      await untilAnswersFor(world, 5000);
      world.killLease("a", 50);
      await untilFrozen(world);
      await world.run(5000);
      assert.deepEqual(world.answering(), []);
      world.links.storeUp = true;
      await world.until("a answers", () => world.answering().includes("a"), 3000);
    }));

  it("does not keep its host from a new session, where the agent stood still while it recorded who may take it", () =>
    inFailsafeWorld(async (world) => {
      happening("pause a agent at join for 8 s")(world);
      world.setPolicy({ onQuorumLoss: "freeze" });
      await world.until("b answers", () => answersOn(world, "b"), 12_000);
      await world.until("a begins a new session", () => sessionOf(world, "a") === "a-2", 8000);
    }));

  it("fails over as ever when its host dies", () =>
    inFailsafeWorld(async (world) => {
      world.powerOff("a");
      await world.until("another host answers", () => answersOn(world, "b"), 5000);
    }));

  it("asks nobody any more when the group freezes again, and its list is gone", () =>
    inFailsafeWorld(async (world) => {
      world.setPolicy({ onQuorumLoss: "freeze" });
      await world.until("nobody is listed", () => members(world) === null, 2000);
      world.links.storeUp = false;
      await untilFrozen(world);
    }));

  it("is on a list without a host that is away for maintenance", () =>
    inFailsafeWorld(async (world) => {
      const hosts = world.policy.hosts.map((host) =>
        host.name === "c" ? { ...host, maintenance: true } : host,
      );
      world.setPolicy({ hosts });
      await world.until("c is not listed", () => members(world)?.join() === "a,b", 2000);
      world.powerOff("c");
      world.links.storeUp = false;
      await untilAnswersFor(world, 10_000);
    }));
});

function sessionOf(world: World, host: string): string | undefined {
  return world.view().hosts.get(host)?.session?.value.sid;
}

function answersOn(world: World, host: string): boolean {
  return world.answering().includes(host);
}

async function untilFrozen(world: World): Promise<void> {
  const { leaseMs } = world.policy.timing;
  await world.until(
    "it is frozen",
    () => world.host("a").machine!.engine.stateOf("db") === "frozen",
    leaseMs + 500,
  );
  assert.deepEqual(world.answering(), []);
}

/** Host a answers without a gap longer than a dump takes. */
async function untilAnswersFor(world: World, ms: number): Promise<void> {
  const end = world.now() + ms;
  while (world.now() < end) {
    await world.run(20);
    await world.until("a answers", () => world.answering().length > 0, 50);
    assert.deepEqual(world.answering(), ["a"]);
  }
}
