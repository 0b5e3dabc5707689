import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { HaGroup, Host } from "../../sdk";
import { runProgram } from "./mocks";

const declareHosts = () =>
  ["a", "b", "c"].map(
    (name, index) =>
      new Host(name, {
        connection: { host: `10.0.0.${index + 1}`, password: "hunter22", insecure: true },
        role: "member",
        labels: {},
      }),
  );

describe("an HaGroup in a program", () => {
  it("shows its hosts and keeps their connections apart as a secret", async () => {
    let secrets: boolean[] = [];
    const resources = await runProgram(() => {
      const group = new HaGroup("g", { hosts: declareHosts(), profile: "fast" });
      const { connections } = group as unknown as { connections: pulumi.Output<unknown> };
      pulumi.all([pulumi.isSecret(group.hosts), pulumi.isSecret(connections)]).apply((found) => {
        secrets = found;
      });
    });
    const { inputs } = resources.get("HaGroup g")!;
    assert.deepEqual(inputs.hosts, [
      { name: "a", address: "10.0.0.1", role: "member", labels: {} },
      { name: "b", address: "10.0.0.2", role: "member", labels: {} },
      { name: "c", address: "10.0.0.3", role: "member", labels: {} },
    ]);
    assert.doesNotMatch(JSON.stringify(inputs.hosts), /hunter22/);
    assert.deepEqual(secrets, [false, true]);
  });

  it("belongs to its project and stack, and waits for its hosts without a dependsOn", async () => {
    const resources = await runProgram(() => void new HaGroup("g", { hosts: declareHosts() }));
    const { inputs, dependsOn } = resources.get("HaGroup g")!;
    assert.equal(inputs.stack, "shop/dev");
    assert.deepEqual(dependsOn.map((urn) => urn.split("::").at(-1)).sort(), ["a", "b", "c"]);
  });

  it("gives the declared subnet at once, else the one that was found", async () => {
    const subnets: string[] = [];
    await runProgram(() => {
      new HaGroup("g", { hosts: declareHosts(), subnet: "10.0.0.0/24" }).subnet.apply((subnet) =>
        subnets.push(subnet),
      );
    });
    assert.deepEqual(subnets, ["10.0.0.0/24"]);
  });
});
