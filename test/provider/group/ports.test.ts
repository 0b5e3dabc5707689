import assert from "node:assert/strict";
import { groupConfigOf } from "../../../provider/group/policy";
import { keepPorts, portsIn } from "../../../provider/group/ports";
import { policyOf } from "../../sim/group";

const policy = policyOf({ hosts: ["a", "b", "c"] });
const { ports } = policy;

describe("the ports of a group that hosts have and the state may not know", () => {
  it("are read from a host's group.json", () => {
    assert.deepEqual(portsIn(JSON.stringify(groupConfigOf(policy, "a"))), ports);
    assert.equal(portsIn(null), null);
    assert.equal(portsIn('{"version":2}'), null);
  });

  it("are kept: others are refused with those that the host has", () => {
    const views = new Map([
      ["a", { ports: null }],
      ["b", { ports }],
    ]);
    keepPorts(ports, views);
    assert.throws(
      () => keepPorts({ ...ports, peer: 9000 }, views),
      /^UserError: ports: expected \{.*\}, with which the group runs on b, got \{.*"peer":9000.*\}: other ports need a new group/,
    );
  });
});
