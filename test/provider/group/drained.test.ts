import assert from "node:assert/strict";
import { enteringMaintenance, leftOn } from "../../../provider/group/drained";
import { policyOf } from "../../sim/group";

const policy = (inMaintenance: string[]) => {
  const plain = policyOf({ hosts: ["a", "b", "c"] });
  const hosts = plain.hosts.map((host) =>
    inMaintenance.includes(host.name) ? { ...host, maintenance: true } : host,
  );
  return { ...plain, hosts };
};

describe("The maintenance of a group's hosts", () => {
  it("begins where a change of the policy says so, and not in a new group", () => {
    assert.deepEqual(enteringMaintenance(policy([]), policy(["a"])), ["a"]);
    assert.deepEqual(enteringMaintenance(policy(["a"]), policy(["a", "b"])), ["b"]);
    assert.deepEqual(enteringMaintenance(policy(["a"]), policy([])), []);
    assert.deepEqual(enteringMaintenance(undefined, policy(["a"])), []);
  });

  it("waits for what still runs there, with the reason why it does", () => {
    const container = (name: string, primary: string | null, degraded: string | null) =>
      ({ name, primary, degraded }) as Parameters<typeof leftOn>[1]["containers"][number];
    const containers = [
      container("db", "a", "a is in maintenance"),
      container("web", "b", null),
      container("x", null, null),
    ];
    assert.deepEqual(leftOn(["a"], { containers }), ["db on a (a is in maintenance)"]);
  });
});
