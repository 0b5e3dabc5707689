import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { Host } from "../../sdk";
import { runProgram } from "./mocks";

const connection = { host: "10.0.0.1", password: "hunter22", insecure: true };

describe("a Host in a program", () => {
  it("takes its name from the resource and its address from the connection", async () => {
    const resources = await runProgram(() => void new Host("a", { connection }));
    const { inputs } = resources.get("Host a")!;
    assert.equal(inputs.name, "a");
    assert.equal(inputs.address, "10.0.0.1");
  });

  it("keeps the whole connection as a secret, and nothing else", async () => {
    let secrets: Record<string, boolean> = {};
    await runProgram(() => {
      const host = new Host("a", { connection, labels: { zone: "x" } });
      pulumi
        .all([pulumi.isSecret(host.connection), pulumi.isSecret(host.address), pulumi.isSecret(host.labels)])
        .apply(([connected, address, labels]) => {
          secrets = { connected, address, labels };
        });
    });
    assert.deepEqual(secrets, { connected: true, address: false, labels: false });
  });

  it("accepts outputs of other resources inside the connection", async () => {
    const resources = await runProgram(() => {
      const machine = pulumi.output("10.0.0.7");
      const bastion = { host: pulumi.output("bastion"), insecure: true };
      new Host("a", { connection: { ...connection, host: machine, proxy: bastion } });
    });
    assert.equal(resources.get("Host a")!.inputs.address, "10.0.0.7");
  });

  it("keeps an address that is given", async () => {
    const resources = await runProgram(
      () => void new Host("a", { connection, address: "192.168.0.1", role: "witness" }),
    );
    const { inputs } = resources.get("Host a")!;
    assert.deepEqual([inputs.address, inputs.role], ["192.168.0.1", "witness"]);
  });
});
