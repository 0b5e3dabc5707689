import assert from "node:assert/strict";
import { timingOf } from "../../provider/contract";
import { inProtectedWorld } from "./scenario";
import { happening } from "./vocabulary";
import { realistic, type World } from "./world";

const shown = (world: World, host = "a") => world.host(host).agent!.agent.status().containers[0]!;

/** How often the lease of any host was renewed again. */
const renewed = (world: World) => world.events("lease").filter((told) => /renewed again/.test(told)).length;

describe("A container that is RUNNING", () => {
  it("goes on within a second of the renewed lease when that lapsed in the middle of a dump", () =>
    inProtectedWorld(
      async (world) => {
        for (let round = 0; round < 5; round++) {
          const dumping = world.ctl("a", { op: "checkpoint", name: "db" });
          await world.until("CRIU is at it", () => world.host("a").machine!.criu.isAt("db"));
          await world.run(50 * round);
          const before = renewed(world);
          happening("store off")(world);
          await world.until("a lapses", () => shown(world).phase === "LAPSED", 5000);
          happening("store on")(world);
          await world.until("the lease is renewed", () => renewed(world) > before, 2000);
          await world.until("it answers", () => world.answering().includes("a"), 1000);
          await dumping;
        }
      },
      { timing: timingOf("fast", true), durations: { ...realistic, dump: 1000 } },
    ));

  it("keeps its memory when a release does not take effect, and is restored within two seconds", () =>
    inProtectedWorld(async (world) => {
      const before = world.owner()!;
      world.host("a").faults.releasesLost.set("db", 1);
      world.crashContainer("a");
      await world.until("it was begun once more", () => world.owner()!.epoch === before.epoch + 2, 3000);
      await world.until("it answers", () => world.answering().includes("a"), 1000);
      assert.ok(world.counter() >= world.invariants.acknowledged("db"));
      assert.deepEqual(world.invariants.losses, []);
    }));

  it("goes to the standby when no release takes effect on its host", () =>
    inProtectedWorld(async (world) => {
      world.host("a").faults.releasesLost.set("db", 100);
      world.crashContainer("a");
      await world.until("b answers", () => world.answering().includes("b"), 10_000);
      assert.deepEqual(world.invariants.losses, []);
    }));

  it("goes to the standby when its releases hang", () =>
    inProtectedWorld(async (world) => {
      world.host("a").faults.slow.set("release", 600_000);
      world.crashContainer("a");
      await world.until("b answers", () => world.answering().includes("b"), 10_000);
      assert.deepEqual(world.invariants.losses, []);
    }));

  it("is released by the next agent when the one that opened its gate died before", () =>
    inProtectedWorld(async (world) => {
      const kill = () => world.killAgent("a", 100);
      world.host("a").failpoints.agent.at("release", kill);
      world.crashContainer("a");
      await world.until("the agent was killed", () => world.host("a").agent === null);
      await world.until("it answers", () => world.answering().includes("a"), 3000);
    }));

  it("is thawed when somebody else froze it, which is told, and shown meanwhile", () =>
    inProtectedWorld(async (world) => {
      happening("somebody freezes db")(world);
      await world.until("it is told", () => world.events("stalled").length === 1, 2000);
      assert.match(
        world.events("stalled")[0]!,
        /db is RUNNING on a by its record and does not execute: its cgroup is frozen/,
      );
      await world.until("it answers", () => world.answering().includes("a"), 1000);
      await world.until(
        "it is shown so",
        () => shown(world).phase === "RUNNING" && shown(world).stalledSince === null,
      );
    }));

  it("is restored when it ended and the kernel's event was lost", () =>
    inProtectedWorld(
      async (world) => {
        const before = world.owner()!;
        world.crashContainer("a");
        await world.until(
          "it answers",
          () => world.owner()!.epoch > before.epoch && world.answering().includes("a"),
          3000,
        );
      },
      { tamper: { agent: (env) => ({ ...env, runtime: { ...env.runtime, onExit: () => {} } }) } },
    ));

  it("is shown LAPSED, since when, while its host cannot renew: there and elsewhere", () =>
    inProtectedWorld(async (world) => {
      await world.run(3000);
      world.cut("a", "store");
      await world.until("a shows it", () => shown(world).phase === "LAPSED");
      await world.until("b shows it", () => shown(world, "b").phase === "LAPSED");
      for (const host of ["a", "b"]) assert.ok(Date.parse(shown(world, host).stalledSince!) > 0, host);
    }));
});
