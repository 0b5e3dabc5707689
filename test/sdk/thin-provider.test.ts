import assert from "node:assert/strict";
import { HaGroup, Host } from "../../sdk";
import { stub } from "../../sdk/thin-provider";
import { runProgram } from "./mocks";

describe("what the state keeps as a resource's provider", () => {
  it("is one short constant line that asks the installed package", () => {
    assert.equal(stub("Host"), 'exports.handler = () => require("pulumi-container-ha/provider").Host;');
  });

  it("holds no secret and does not depend on the arguments", async () => {
    const resources = await runProgram(() => {
      const hosts = ["a", "b", "c"].map(
        (name, index) =>
          new Host(name, {
            connection: { host: `10.0.0.${index + 1}`, password: "hunter22", insecure: true },
          }),
      );
      new HaGroup("g", { hosts });
    });
    const own = [...resources.values()].filter(({ type }) => type.startsWith("pulumi-nodejs:"));
    for (const { inputs, type } of own) {
      assert.equal(inputs.__provider, stub(type.split(":").at(-1)!));
      assert.match(type, /^pulumi-nodejs:dynamic\/container-ha:(Host|HaGroup)$/);
    }
    assert.equal(own.length, 4);
  });
});
