import assert from "node:assert/strict";
import { checkHostName, defaultHostNames, hostMac, labId, labNames } from "./names";

describe("names of a lab", () => {
  it("differ between labs in everything that the machine sees", () => {
    const [one, two] = [labNames("a"), labNames("b")];
    assert.notEqual(one.cgroup, two.cgroup);
    assert.notEqual(one.switchNetns, two.switchNetns);
    assert.notEqual(one.machineLink, two.machineLink);
    assert.notEqual(one.netnsOf("ha1"), two.netnsOf("ha1"));
  });

  it("stay within the 15 characters of an interface", () => {
    assert.ok(labNames("a-lab-with-a-rather-long-name").machineLink.length <= 15);
  });

  it("never give a host the namespace of the switch", () => {
    assert.throws(() => checkHostName("switch"), /host name "switch"/);
  });

  it("are ha1, ha2 ... for hosts without names", () => {
    assert.deepEqual(defaultHostNames(3), ["ha1", "ha2", "ha3"]);
    for (const name of defaultHostNames(9)) checkHostName(name);
  });

  it("refuse a host name that no port can carry", () => {
    assert.throws(() => checkHostName("a-name-of-sixteen"), /1 to 15/);
    assert.throws(() => checkHostName("Ha1"), /lower-case/);
  });

  it("give every host a locally administered unicast MAC of its own", () => {
    assert.equal(hostMac("a1b2c3", 1), "02:ca:a1:b2:c3:01");
    assert.notEqual(hostMac("a1b2c3", 1), hostMac("a1b2c3", 2));
  });
});

describe("the id of a lab", () => {
  it("comes from the checkout, so that two clones have two labs", () => {
    const first = labId({ fromEnvironment: undefined, checkout: "/home/me/one" });
    const second = labId({ fromEnvironment: undefined, checkout: "/home/me/two" });
    assert.match(first, /^clone-[0-9a-f]{8}$/);
    assert.notEqual(first, second);
  });

  it("comes from CONTAINER_HA_LAB when that is set", () => {
    assert.equal(labId({ fromEnvironment: "mine", checkout: "/x" }), "mine");
  });

  it("must be usable as a folder", () => {
    assert.throws(() => labId({ fromEnvironment: "../up", checkout: "/x" }), /CONTAINER_HA_LAB: expected/);
  });
});
