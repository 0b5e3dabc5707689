import assert from "node:assert/strict";
import { chooseSubnet, hostAddress, machineAddress, subnetCandidates } from "./subnet";

describe("the network of a lab", () => {
  const [first, second] = subnetCandidates("a1b2c3");

  it("is the same each time when the machine has no route there", () => {
    assert.equal(chooseSubnet("a1b2c3", ["192.168.1.0/24", "default"]), first);
  });

  it("is another one when the machine has a narrower route inside it", () => {
    assert.equal(chooseSubnet("a1b2c3", [`${first}.7`]), second);
  });

  it("is another one when the machine has a wider route around it", () => {
    const wide = `${first!.split(".").slice(0, 2).join(".")}.0.0/16`;
    const chosen = chooseSubnet("a1b2c3", [wide]);
    assert.notEqual(chosen.split(".")[1], first!.split(".")[1]);
  });

  it("does not exist when the machine routes all of 10.0.0.0/8", () => {
    assert.throws(() => chooseSubnet("a1b2c3", ["10.0.0.0/8"]), /no free/);
  });

  it("keeps hosts, machine and the room for virtual IPs apart", () => {
    assert.equal(machineAddress("10.1.2"), "10.1.2.254");
    assert.equal(hostAddress("10.1.2", 1), "10.1.2.11");
    assert.equal(hostAddress("10.1.2", 80), "10.1.2.90");
    assert.throws(() => hostAddress("10.1.2", 81), /1 to 80/);
  });
});
