import assert from "node:assert/strict";
import type { Policy, Timing } from "../../provider/contract";
import { timingOf } from "../../provider/contract";
import type { FencingBehaviour } from "./fencing";
import { inProtectedWorld } from "./scenario";
import { instantaneous, type World, type WorldOptions } from "./world";

/** W is long, so that it shows what did not wait for it. */
const slow: Timing = { ...timingOf("default", false), fenceMs: 10_000 };
const command = ["/usr/local/sbin/fence_test", "--off", "{host}"];

function withFencing(
  scenario: (world: World) => Promise<void>,
  {
    behaviour = "works",
    policy = {},
    ...options
  }: WorldOptions & { behaviour?: FencingBehaviour; policy?: Partial<Policy>; standbys?: number } = {},
): Promise<void> {
  const { standbys = 1, ...rest } = options;
  return inProtectedWorld(
    async (world) => {
      world.fencing.behaviour = behaviour;
      world.setPolicy({ fencing: { command, required: false }, ...policy });
      const holders = () => world.view().containers.get("db")!.generation!.value.holders.length;
      await world.until("the standbys hold it", () => holders() === standbys + 1);
      await world.run(1000);
      await scenario(world);
    },
    { timing: slow, spec: { standbys }, ...rest },
  );
}

const required = { fencing: { command, required: true } };
const takenBy = (world: World, host: string, limitMs?: number) =>
  world.until(`${host} answers`, () => world.answering().join() === host, limitMs);
const methods = (world: World, host: string) =>
  [...world.view().hosts.get(host)!.fences.values()].map(({ value }) => value.method);

describe("A fencing command", () => {
  it("switches off a host that is cut off, whose container is then taken long before W", () =>
    withFencing(async (world) => {
      const at = world.now();
      world.cut("a");
      await takenBy(world, "b", 5000);
      assert.ok(world.now() - at >= slow.leaseMs, "not before L");
      assert.deepEqual([world.fencing.calls, world.host("a").on], [["a"], false]);
      assert.deepEqual(methods(world, "a"), ["stonith"]);
    }));

  it("is run by one host only, also where two candidates do not hear each other", () =>
    withFencing(
      async (world) => {
        world.links.cut("b", "c");
        world.links.cut("c", "b");
        world.powerOff("a");
        await world.until("another host answers", () => world.answering().length === 1, 5000);
        await world.run(15_000);
        assert.deepEqual(world.fencing.calls, ["a"]);
      },
      { standbys: 2 },
    ));

  it("is run again after it failed while the store was away", () =>
    withFencing(
      async (world) => {
        world.powerOff("a");
        await world.until("it is run", () => world.fencing.calls.length === 1, 5000);
        world.links.storeUp = false;
        await world.run(2000);
        world.links.storeUp = true;
        world.fencing.behaviour = "works";
        await takenBy(world, "b", 20_000);
        assert.deepEqual(methods(world, "a"), ["stonith"]);
      },
      { behaviour: "fails", policy: required },
    ));

  it("is not run for a host that only its peers do not hear", () =>
    withFencing(async (world) => {
      world.cut("a", "peers");
      await world.run(20_000);
      assert.deepEqual(world.fencing.calls, []);
      assert.deepEqual(world.answering(), ["a"]);
    }));

  it("is not run for a host that owns nothing", () =>
    withFencing(async (world) => {
      world.powerOff("c");
      await world.run(15_000);
      assert.deepEqual(world.fencing.calls, []);
    }));

  const failures: [FencingBehaviour, RegExp][] = [
    ["fails", /did not switch a off: fence_test failed with exit status 1; a is fenced when its silence/],
    [
      "missing",
      /did not switch a off: fence_test is not installed on this host; a is fenced when its silence/,
    ],
  ];
  for (const [behaviour, sentence] of failures) {
    it(`that ${behaviour === "fails" ? "fails" : "is missing"} is told, and W fences`, () =>
      withFencing(
        async (world) => {
          const at = world.now();
          world.powerOff("a");
          await takenBy(world, "b", 15_000);
          assert.ok(world.now() - at >= slow.fenceMs - 1000, `after ${world.now() - at} ms`);
          assert.match(world.events("stonith-failed")[0]!, sentence);
          assert.deepEqual(methods(world, "a"), ["timeout"]);
        },
        { behaviour },
      ));
  }

  it("that hangs does not delay the fence by W", () =>
    withFencing(
      async (world) => {
        world.powerOff("a");
        await takenBy(world, "b", 15_000);
        assert.equal(world.events("stonith-failed").length, 0);
      },
      { behaviour: "hangs" },
    ));

  it("is believed only while the host has not renewed since: one that lies is told", () =>
    withFencing(async (world) => {
      world.fencing.run = async (process) => {
        world.heal();
        await process.wait(1500);
      };
      world.cut("a", "store");
      await world.until("it is told", () => world.events("stonith-failed").length > 0);
      assert.match(
        world.events("stonith-failed")[0]!,
        /it says that the host is off, but that has renewed its lease since/,
      );
      await takenBy(world, "a");
      assert.deepEqual(methods(world, "a"), []);
    }));

  it("that lies about a host that is cut off from the store lets two hosts answer: why it must not", () =>
    assert.rejects(
      withFencing(
        async (world) => {
          world.cut("a", "store");
          await world.run(5000);
        },
        // The clock of a is slower, within what W allows for: its gate closes later than L by the clock of b.
        { behaviour: "lies", rates: { a: 0.7 }, durations: instantaneous },
      ),
      /I1: db is answered by a and b/,
    ));
});

describe("A fencing command that is required", () => {
  it("is tried again until it works, and nothing is taken before", () =>
    withFencing(
      async (world) => {
        world.powerOff("a");
        await world.run(25_000);
        assert.deepEqual(world.answering(), []);
        assert.ok(world.fencing.calls.length >= 2, String(world.fencing.calls));
        assert.match(
          world.events("stonith-failed")[0]!,
          /no other proof is accepted, so it is tried again; "container-ha fence a --confirmed-off"/,
        );
        world.fencing.behaviour = "works";
        await takenBy(world, "b", 12_000);
        assert.deepEqual(methods(world, "a"), ["stonith"]);
      },
      { behaviour: "fails", policy: required },
    ));

  it("gives way to an operator who has switched the host off", () =>
    withFencing(
      async (world) => {
        world.powerOff("a");
        await world.run(12_000);
        const reply = await world.ctl("b", { op: "fence", host: "a", confirmedOff: true, dryRun: false });
        assert.ok(reply.ok);
        await takenBy(world, "b");
      },
      { behaviour: "missing", policy: required },
    ));

  it("is run by another host when the one that ran it died meanwhile", () =>
    withFencing(
      async (world) => {
        world.powerOff("a");
        await world.until("it is run", () => world.fencing.calls.length > 0);
        const shooter = world.events("stonith")[0]!.split(" ")[0]!;
        world.powerOff(shooter);
        world.fencing.behaviour = "works";
        await takenBy(world, shooter === "b" ? "c" : "b", 40_000);
      },
      { behaviour: "hangs", policy: required, standbys: 2, hosts: ["a", "b", "c"] },
    ));
});

describe("A group whose failover is stonith-only", () => {
  it("takes over what a fencing command has switched off", () =>
    withFencing(
      async (world) => {
        world.cut("a");
        await takenBy(world, "b", 5000);
      },
      { policy: { failover: "stonith-only" } },
    ));

  it("does not take over for silence alone", () =>
    withFencing(
      async (world) => {
        world.powerOff("a");
        await world.run(30_000);
        assert.deepEqual([world.answering(), methods(world, "a")], [[], []]);
      },
      { behaviour: "fails", policy: { failover: "stonith-only" } },
    ));

  it("lets a container go that its host gave up: nothing is to be fenced", () =>
    withFencing(
      async (world) => {
        world.host("a").faults.crashAfter.set("db", 200);
        world.crashContainer("a");
        await takenBy(world, "b", 20_000);
        assert.deepEqual(world.fencing.calls, []);
      },
      { policy: { failover: "stonith-only" } },
    ));
});

describe("A group whose failover is manual", () => {
  it("runs no fencing command by itself", () =>
    withFencing(
      async (world) => {
        world.powerOff("a");
        await world.run(15_000);
        assert.deepEqual(world.fencing.calls, []);
      },
      { policy: { failover: "manual" } },
    ));
});
