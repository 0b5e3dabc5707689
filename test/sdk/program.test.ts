import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import type { GroupHandle } from "../../provider/group-handle";
import {
  AntiAffinityRule,
  CheckpointSchedule,
  HaGroup,
  HaService,
  HeartbeatAgent,
  Host,
  ProtectedContainer,
} from "../../sdk";
import { runProgram } from "./mocks";

const connection = { host: "10.0.0.11", privateKey: "key", hostKey: "ssh-ed25519 AAAA" };

function declareGroup(): { hosts: Host[]; group: HaGroup } {
  const hosts = ["a", "b", "c"].map(
    (name, index) => new Host(name, { connection: { ...connection, host: `10.0.0.1${index}` } }),
  );
  const group = new HaGroup("g", { hosts, subnet: "10.0.0.0/24" });
  return { hosts, group };
}

describe("a program", () => {
  it("needs no dependsOn: containers wait for agents and rules, whichever is declared first", async () => {
    const resources = await runProgram(() => {
      const { hosts, group } = declareGroup();
      const redis = new ProtectedContainer("redis", { group, image: "redis:7", virtualIps: ["10.0.0.50"] });
      new CheckpointSchedule("often", { container: redis, intervalSeconds: 2 });
      new AntiAffinityRule("apart", { group, containers: [redis, "other"] });
      for (const host of hosts) new HeartbeatAgent(`agent-${hosts.indexOf(host)}`, { host, group });
    });
    const names = (kind: string) =>
      resources
        .get(kind)!
        .dependsOn.map((urn) => urn.split("::").at(-1)!)
        .sort();
    assert.deepEqual(names("HeartbeatAgent agent-0").includes("g"), true);
    assert.deepEqual(
      names("ProtectedContainer redis").filter((name) => !["a", "b", "c", "g"].includes(name)),
      ["agent-0", "agent-1", "agent-2", "apart"],
    );
    assert.deepEqual(
      names("AntiAffinityRule apart").filter((name) => name.startsWith("agent") || name === "redis"),
      ["agent-0", "agent-1", "agent-2"],
    );
    assert.ok(names("CheckpointSchedule often").includes("redis"));
  });

  it("gives the provider a stub without code, and what it declared", async () => {
    const resources = await runProgram(() => {
      const { group } = declareGroup();
      new ProtectedContainer("redis", {
        group,
        name: "cache",
        image: { archive: "redis.tar" },
        virtualIps: ["10.0.0.50"],
        envs: [pulumi.secret("PASSWORD=hunter2")],
      });
    });
    const { type, inputs } = resources.get("ProtectedContainer redis")!;
    assert.equal(type, "pulumi-nodejs:dynamic/container-ha:ProtectedContainer");
    assert.equal(
      inputs.__provider,
      'exports.handler = () => require("pulumi-container-ha/provider").ProtectedContainer;',
    );
    assert.equal(inputs.name, "cache");
    assert.equal(inputs.stack, "shop/dev");
    assert.equal(inputs.group, "g");
    assert.equal(inputs.subnet, "10.0.0.0/24");
    assert.deepEqual(inputs.image, { archive: "redis.tar" });
    assert.equal(inputs.envsAreSecret, true);
  });

  it("names rules' containers as declared, and which of them it declares itself", async () => {
    const resources = await runProgram(() => {
      const { group } = declareGroup();
      const app = new ProtectedContainer("app", {
        group,
        image: "app",
        virtualIps: ["10.0.0.51"],
        name: "front",
      });
      new AntiAffinityRule("apart", { group, containers: [app, "db"] });
    });
    const { inputs } = resources.get("AntiAffinityRule apart")!;
    assert.deepEqual(inputs.containers, ["front", "db"]);
    assert.deepEqual(inputs.declared, ["front"]);
  });

  it("uses a group of another stack through its handle", async () => {
    const handle = { group: "far", policy: { subnet: "10.1.0.0/24", hosts: [] }, members: [] };
    const resources = await runProgram(() => {
      const group = pulumi.secret(handle) as unknown as pulumi.Output<GroupHandle>;
      new ProtectedContainer("redis", { group, image: "redis", virtualIps: ["10.1.0.50"] });
      new CheckpointSchedule("often", { container: "redis", group, intervalSeconds: 2 });
    });
    const { inputs } = resources.get("ProtectedContainer redis")!;
    assert.equal(inputs.group, "far");
    assert.equal(inputs.subnet, "10.1.0.0/24");
    assert.equal(resources.get("CheckpointSchedule often")!.inputs.group, "far");
  });

  for (const [what, second] of Object.entries({
    "virtual IP": { name: "other", virtualIps: ["10.0.0.50"] },
    name: { name: "redis", virtualIps: ["10.0.0.51"] },
  })) {
    it(`is refused where two containers of a group have one ${what}`, async () => {
      await assert.rejects(
        runProgram(() => {
          const { group } = declareGroup();
          new ProtectedContainer("redis", { group, image: "redis", virtualIps: ["10.0.0.50"] });
          new ProtectedContainer("second", { group, image: "redis", ...second });
        }),
        /ProtectedContainer second: (virtualIps: 10\.0\.0\.50|name: redis) is already used by redis/,
      );
    });
  }

  it("says that a schedule of a container by name needs the group", async () => {
    await assert.rejects(
      runProgram(() => {
        new CheckpointSchedule("often", { container: "redis", intervalSeconds: 2 });
      }),
      /CheckpointSchedule often: group: expected the group of the container that is named/,
    );
  });

  it("of ten lines declares a whole service", async () => {
    const resources = await runProgram(() => {
      new HaService("redis", {
        hosts: {
          a: { connection },
          b: { connection: { ...connection, host: "10.0.0.12" } },
          w: { connection: { ...connection, host: "10.0.0.13" }, role: "witness" },
        },
        image: "redis:7",
        virtualIps: ["10.0.0.50"],
        subnet: "10.0.0.0/24",
        engine: "docker",
        checkpointSeconds: 3,
      });
    });
    assert.deepEqual([...resources.keys()].filter((key) => !key.startsWith("Stack")).sort(), [
      "CheckpointSchedule redis",
      "HaGroup redis",
      "HaService redis",
      "HeartbeatAgent redis-a",
      "HeartbeatAgent redis-b",
      "Host redis-a",
      "Host redis-b",
      "Host redis-w",
      "ProtectedContainer redis",
    ]);
    assert.deepEqual(resources.get("Host redis-a")!.inputs.engines, ["docker"]);
    assert.equal(resources.get("Host redis-w")!.inputs.name, "w");
    assert.equal(resources.get("CheckpointSchedule redis")!.inputs.intervalSeconds, 3);
    assert.equal(resources.get("ProtectedContainer redis")!.inputs.engine, "docker");
  });
});
