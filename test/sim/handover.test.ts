import assert from "node:assert/strict";
import { handoverStage } from "../../provider/agent/decide-handover";
import { type CtlReply, type Moved, realMac, timingOf } from "../../provider/contract";
import { GROUP } from "./group";
import { inProtectedWorld } from "./scenario";
import type { World } from "./world";

/** Heartbeats each 100 ms, so that a dead target is suspected within 0.4 s. */
const fast = { timing: timingOf("fast", false) };
/** How long nobody may serve after a fault, where no fence is needed: the goal is 0.5 s. */
const BACK_MS = 500;

describe("A handover from host a to host b", () => {
  it("moves the container with all of its memory, under the next epoch, and says where the time went", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      const counter = world.counter();
      const moved = await migrate(world, "c");
      assert.equal(moved.to, "b");
      assert.equal(moved.epoch, before.epoch + 1);
      const { freezeMs, dumpMs, transferMs, restoreMs, switchMs, totalMs } = moved.phases;
      assert.ok(Math.abs(freezeMs + dumpMs + transferMs + restoreMs + switchMs - totalMs) <= 3);
      await world.until("b answers", () => world.answering().includes("b"), 200);
      assert.ok(world.counter() >= counter);
      assert.equal(world.view().containers.get("db")!.migration, null);
      assert.equal(world.events("fence").length, 0);
      await world.until(
        "b commits a generation of its own",
        () => generationEpoch(world) === before.epoch + 1,
      );
    }));

  it("is rolled back when the lease lapses while its stage is recorded", () =>
    inProtectedWorld(async (world) => {
      const counter = world.counter();
      void world.ask("a", { op: "migrate", name: "db", to: "b" });
      await world.until("it is recorded", () => world.view().containers.get("db")!.migration !== null);
      world.host("a").failpoints.agent.at("txn", () => {
        world.links.electionUntil = world.now() + 1000;
      });
      await world.until("it is frozen", () => world.host("a").machine!.engine.stateOf("db") === "frozen");
      await world.until("it is rolled back", () => world.events("handover-failed").length === 1);
      await world.until("a answers", () => world.answering().join() === "a");
      assert.match(world.events("handover-failed")[0]!, /was frozen when it was to move/);
      assert.ok(world.counter() >= counter);
    }, fast));

  for (const stage of stages()) {
    for (const party of parties()) {
      it(`ends with one of them serving with its memory when ${party.name} dies at ${stage.name}`, () =>
        inProtectedWorld(async (world) => {
          const { epoch } = world.owner()!;
          const counter = world.counter();
          void world.host("a").agent!.agent.handle({ op: "migrate", name: "db", to: "b" });
          await world.until(`it is at ${stage.name}`, () => stage.reached(world, epoch), 5000);
          const memory = world.now();
          party.dies(world);
          const keeps = !party.losesMemory(stage.name);
          const limit = party.isQuick(stage.name) ? BACK_MS : 10_000;
          const serves = stage.name < "M2";
          const isOver = () => serves || !world.view().containers.get("db")!.migration;
          await world.until("it answers", () => isOver() && world.answering().length === 1, limit);
          if (process.env.SIM_REPORT)
            console.log(
              `${stage.name} | ${party.name} | ${world.answering()} after ${Math.round(world.now() - memory)} ms`,
            );
          if (keeps) assert.ok(world.counter() >= counter, `${world.counter()} after ${counter}`);
          else assert.ok(world.counter() >= world.invariants.acknowledged("db"));
          await world.run(4000);
          assert.equal(world.owner()!.phase, "RUNNING");
          assert.deepEqual(world.invariants.losses, []);
          const copies = world.hosts.filter(({ machine }) => machine?.engine.stateOf("db") === "running");
          assert.ok(copies.length <= 1);
        }, fast));
    }
  }
});

function stages() {
  const engine = (world: World, host: string) => world.host(host).machine!.engine;
  const moving = (world: World) => world.view().containers.get("db")!.migration?.value.stage === "MOVING";
  return [
    { name: "M0", reached: (world: World) => world.view().containers.get("db")!.migration !== null },
    {
      name: "M1",
      reached: (world: World) => copyOnTarget(world)?.state === "prepared" && preparesFor(world) > 20,
    },
    { name: "M2", reached: (world: World) => moving(world) && engine(world, "a").stateOf("db") === "frozen" },
    { name: "M3", reached: (world: World) => moving(world) && engine(world, "b").stateOf("db") === "held" },
    { name: "M4", reached: (world: World) => handoverStage(world.view().containers.get("db")!) === "after" },
    {
      name: "M5",
      reached: (world: World) =>
        handoverStage(world.view().containers.get("db")!) === "after" &&
        copyOnTarget(world)?.mac === realMac(GROUP, "db"),
    },
    {
      name: "M6",
      reached: (world: World, epoch: number) =>
        world.owner()!.epoch === epoch + 1 && world.owner()!.phase === "RUNNING",
    },
  ];
}

/** How long the handover has been recorded, ms. */
function preparesFor(world: World): number {
  const { at } = world.view().containers.get("db")!.migration?.value ?? {};
  return at === undefined ? 0 : Date.parse(world.host("a").agent!.process.clock.wall()) - Date.parse(at);
}

function copyOnTarget(world: World) {
  return world.host("b").machine!.engine.copies.get("db");
}

function parties() {
  const before = (stage: string) => stage < "M4";
  return [
    {
      name: "the power of the source",
      dies: (world: World) => world.powerOff("a"),
      isQuick: (stage: string) => stage === "M4" || stage === "M5" || stage === "M6",
      losesMemory: before,
    },
    {
      name: "the power of the target",
      dies: (world: World) => world.powerOff("b"),
      isQuick: (stage: string) => stage !== "M6",
      losesMemory: (stage: string) => stage === "M6",
    },
    {
      name: "the agent of the source",
      dies: (world: World) => world.killAgent("a", 250),
      isQuick: (stage: string) => stage !== "M2" && stage !== "M3",
      losesMemory: () => false,
    },
    {
      name: "the agent of the target",
      dies: (world: World) => world.killAgent("b", 250),
      isQuick: () => true,
      losesMemory: () => false,
    },
    {
      name: "the store for 5 s",
      dies: (world: World) => {
        world.links.storeUp = false;
        world.later(5000, () => {
          world.links.storeUp = true;
        });
      },
      isQuick: () => false,
      losesMemory: () => false,
    },
  ];
}

async function migrate(world: World, by = "a", to = "b"): Promise<Moved> {
  const reply: CtlReply = await world.ctl(by, { op: "migrate", name: "db", to });
  assert.ok(reply.ok, JSON.stringify(reply));
  return reply.result as Moved;
}

function generationEpoch(world: World): number {
  return world.view().containers.get("db")!.generation!.value.epoch;
}
