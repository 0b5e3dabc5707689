import assert from "node:assert/strict";
import type { Counter } from "../../provider/agent/counters";
import { probeSchema, timingOf } from "../../provider/contract";
import { inProtectedWorld } from "./scenario";
import { happening } from "./vocabulary";
import type { World } from "./world";

const counted = (world: World, counter: Counter) => world.host("a").agent!.agent.counters()[counter];

describe("An agent's counters", () => {
  it("count what begins, is dumped and is restored", () =>
    inProtectedWorld(async (world) => {
      assert.equal(counted(world, "cold_starts_total"), 1);
      await world.ctl("a", { op: "checkpoint", name: "db" });
      assert.ok(counted(world, "checkpoints_total") > 0);
      assert.ok(counted(world, "dump_frozen_seconds_total") > 0);
      world.crashContainer("a");
      await world.until("it was restored", () => counted(world, "restores_total") === 1, 5000);
      assert.equal(counted(world, "restore_failures_total"), 0);
    }));

  it("count a restore that fails", () =>
    inProtectedWorld(async (world) => {
      world.host("a").faults.releasesLost.set("db", 1);
      world.crashContainer("a");
      await world.until("it answers", () => counted(world, "restores_total") === 1, 10_000);
      assert.equal(counted(world, "restore_failures_total"), 1);
    }));

  it("count a lapse of the lease", () =>
    inProtectedWorld(
      async (world) => {
        happening("store off")(world);
        await world.until("a lapses", () => counted(world, "lease_lapses_total") === 1, 5000);
        happening("store on")(world);
      },
      { timing: timingOf("fast", true) },
    ));

  it("count probes that fail", () => {
    const probe = probeSchema.parse({ tcp: { port: 1 }, interval: 1, retries: 100 });
    return inProtectedWorld(
      async (world) => {
        world.host("a").faults.probe.set("db", "no answer");
        await world.until("probes fail", () => counted(world, "probe_failures_total") >= 2, 10_000);
      },
      { spec: { probes: [probe] } },
    );
  });
});
