import assert from "node:assert/strict";
import type { CtlReply, GroupStatus } from "../../provider/contract";
import { specOf } from "../sim/group";
import { inProtectedWorld, inWorld } from "../sim/scenario";

function assertRefused(reply: CtlReply, code: string, message: RegExp): void {
  assert.ok(!reply.ok, `expected a refusal, got ${JSON.stringify(reply)}`);
  assert.equal(reply.code, code);
  assert.match(reply.message, message);
}

const rule = {
  name: "apart",
  kind: "anti-affinity" as const,
  containers: ["db"],
  matchLabels: {},
  topologyKey: "host",
  required: true,
  stack: "shop/dev",
};

describe("A request to an agent", () => {
  it("to apply places a container and says where it may run and by which digest", () =>
    inWorld({}, async (world) => {
      const reply = await world.ctl("c", { op: "apply", spec: specOf({ preferredHost: "b" }) });
      assert.ok(reply.ok);
      const { candidates } = reply.result as { candidates: string[] };
      assert.deepEqual(candidates, ["b", "a", "c"]);
    }));

  it("to apply what is applied already writes nothing", () =>
    inProtectedWorld(async (world) => {
      const { rev } = world.view().containers.get("db")!.spec!;
      const reply = await world.ctl("b", { op: "apply", spec: specOf({ preferredHost: "a" }) });
      assert.ok(reply.ok);
      assert.equal(world.view().containers.get("db")!.spec!.rev, rev);
    }));

  it("to apply is refused with the path of what is wrong", () =>
    inProtectedWorld(async (world) => {
      const apply = (change: object) =>
        world.ctl("a", { op: "apply", spec: specOf({ name: "web", ...change }) });
      assertRefused(
        await apply({ virtualIps: ["192.168.1.1"] }),
        "invalid",
        /^virtualIps\[0\]: expected an address in 10\.0\.0\.0\/24, got 192\.168\.1\.1$/,
      );
      assertRefused(
        await apply({ virtualIps: ["10.0.0.2"] }),
        "conflict",
        /virtualIps\[0\].*address of host b/,
      );
      assertRefused(
        await apply({ virtualIps: ["10.0.0.50", "10.0.0.100"] }),
        "conflict",
        /virtualIps\[1\].*container db of stack shop\/dev/,
      );
      assertRefused(
        await apply({ virtualIps: ["10.0.0.50"], preferredHost: "x" }),
        "invalid",
        /host x is not in group/,
      );
      assertRefused(
        await world.ctl("a", { op: "apply", spec: specOf({ stack: "other/dev" }) }),
        "conflict",
        /belongs to stack shop\/dev/,
      );
    }));

  it("to apply, made through two hosts at once, does not give one virtual IP away twice", () =>
    inWorld({}, async (world) => {
      const replies = await Promise.all([
        world.ctl("a", { op: "apply", spec: specOf({ name: "web", virtualIps: ["10.0.0.50"] }) }),
        world.ctl("c", { op: "apply", spec: specOf({ name: "api", virtualIps: ["10.0.0.50"] }) }),
      ]);
      const [refused, ...others] = replies.filter(({ ok }) => !ok);
      assert.deepEqual(others, []);
      assertRefused(refused!, "conflict", /virtualIps\[0\]: 10\.0\.0\.50 is used by container (web|api)/);
    }));

  it("to apply, made through two hosts at once, keeps apart what a rule keeps apart", () =>
    inWorld({}, async (world) => {
      assert.ok((await world.ctl("a", { op: "set-rule", rule: { ...rule, containers: ["web", "api"] } })).ok);
      const replies = await Promise.all([
        world.ctl("a", { op: "apply", spec: specOf({ name: "web", virtualIps: ["10.0.0.50"] }) }),
        world.ctl("c", { op: "apply", spec: specOf({ name: "api", virtualIps: ["10.0.0.51"] }) }),
      ]);
      const first = replies.map((reply) => {
        assert.ok(reply.ok);
        return (reply.result as { candidates: string[] }).candidates[0];
      });
      assert.notEqual(first[0], first[1]);
    }));

  it("to apply says of each host why it cannot take it while too few are live, and places it when they are", () =>
    inWorld({}, async (world) => {
      for (const name of ["b", "c"]) world.cut(name, "store");
      await world.until("a alone is live", () =>
        world
          .host("a")
          .agent!.agent.status()
          .hosts.every(({ name, state }) => (name === "a") === (state === "live")),
      );
      assertRefused(
        await world.ctl("a", { op: "apply", spec: specOf() }),
        "not-yet",
        /^db needs a primary and a standby, and too few live members can take it: a can; b does not renew its lease in time; c does not renew its lease in time$/,
      );
      world.heal();
      await world.until("b is live again", () =>
        world
          .host("a")
          .agent!.agent.status()
          .hosts.some(({ name, state }) => name === "b" && state === "live"),
      );
      assert.ok((await world.ctl("a", { op: "apply", spec: specOf() })).ok);
    }));

  it("is refused where the rules leave no host", () =>
    inProtectedWorld(async (world) => {
      for (const [name, address] of [
        ["two", "10.0.0.102"],
        ["three", "10.0.0.103"],
      ] as const)
        await world.protect(specOf({ name, virtualIps: [address] }));
      const all = { ...rule, containers: ["db", "two", "three"] };
      const zone = { ...all, kind: "affinity" as const, topologyKey: "rack" };
      assert.ok((await world.ctl("a", { op: "set-rule", rule: zone })).ok);
      const reply = await world.ctl("a", { op: "apply", spec: specOf({ image: "redis:8" }) });
      assertRefused(reply, "refused", /no host can take db: a breaks apart/);
    }));

  it("about an unknown container, or another stack's, says so; only a rule may come before its containers", () =>
    inProtectedWorld(async (world) => {
      const schedule = { intervalMs: 1000, retain: 1, stack: "shop/dev" };
      assertRefused(
        await world.ctl("a", { op: "set-schedule", name: "web", schedule }),
        "not-found",
        /container web is not protected/,
      );
      assert.ok((await world.ctl("a", { op: "set-rule", rule: { ...rule, containers: ["web"] } })).ok);
      assertRefused(await world.ctl("a", { op: "checkpoint", name: "web" }), "not-found", /container web/);
      assertRefused(
        await world.ctl("a", { op: "remove", name: "db", stack: "other/dev" }),
        "conflict",
        /belongs to stack shop\/dev/,
      );
      assert.ok((await world.ctl("a", { op: "set-schedule", name: "db", schedule })).ok);
      const other = { ...schedule, stack: "other/dev" };
      assertRefused(
        await world.ctl("a", { op: "set-schedule", name: "db", schedule: other }),
        "conflict",
        /schedule of stack shop\/dev/,
      );
      assertRefused(
        await world.ctl("a", { op: "unset-schedule", name: "db", stack: "other/dev" }),
        "conflict",
        /belongs to stack/,
      );
    }));

  it("to remove or unset what is not there succeeds", () =>
    inWorld({}, async (world) => {
      assert.ok((await world.ctl("a", { op: "remove", name: "db", stack: "shop/dev" })).ok);
      assert.ok((await world.ctl("a", { op: "unset-rule", name: "apart", stack: "shop/dev" })).ok);
      assert.ok((await world.ctl("a", { op: "unset-schedule", name: "db", stack: "shop/dev" })).ok);
    }));

  it("is answered without waiting for ever while the store does not answer", () =>
    inProtectedWorld(async (world) => {
      world.links.storeUp = false;
      await world.run(1000);
      assertRefused(
        await world.ctl("b", { op: "apply", spec: specOf() }),
        "no-quorum",
        /the store does not answer/,
      );
      const status = await world.ctl("b", { op: "status" });
      assert.ok(status.ok && (status.result as { quorum: boolean }).quorum === false);
    }));

  it("for a checkpoint of a container that does not run is refused with its phase", () =>
    inProtectedWorld(async (world) => {
      for (const { faults } of world.hosts) faults.crashAfter.set("db", 100);
      world.crashContainer("a");
      await world.until("it has failed", () => world.owner()!.phase === "FAILED");
      assertRefused(
        await world.ctl("c", { op: "checkpoint", name: "db" }),
        "refused",
        /db is FAILED, not RUNNING/,
      );
    }));

  it("for a checkpoint says why no standby took it", () =>
    inProtectedWorld(async (world) => {
      for (const name of ["b", "c"]) world.host(name).disk.full = true;
      assertRefused(await world.ctl("c", { op: "checkpoint", name: "db" }), "failed", /no space left/);
    }));

  it("with a schedule changes how often checkpoints are taken", () =>
    inProtectedWorld(async (world) => {
      const schedule = { intervalMs: 1000, retain: 3, stack: "shop/dev" };
      assert.ok((await world.ctl("c", { op: "set-schedule", name: "db", schedule })).ok);
      const before = world.events("checkpoint").length;
      await world.run(20_000);
      assert.ok(world.events("checkpoint").length - before >= 15);
    }));

  it("for the status tells every host, container, standby and generation", () =>
    inProtectedWorld(async (world) => {
      world.powerOff("c");
      await world.run(4000);
      const reply = await world.ctl("b", { op: "status" });
      assert.ok(reply.ok);
      const status = reply.result as GroupStatus;
      assert.deepEqual(
        status.hosts.map(({ name, state }) => [name, state]),
        [
          ["a", "live"],
          ["b", "live"],
          ["c", "dead"],
        ],
      );
      const [db] = status.containers;
      assert.equal(db!.primary, "a");
      assert.deepEqual(db!.standbys, [{ host: "b", state: "PREPARED", warm: null }]);
      assert.equal(db!.degraded, null);
      assert.equal(db!.phase, "RUNNING");
    }));
});
