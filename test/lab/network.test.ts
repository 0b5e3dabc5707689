import assert from "node:assert/strict";
import { cutRules } from "./network";

describe("cuts of the lab's bridge", () => {
  it("replace the ones before, also when there are none any more", () => {
    const rules = cutRules([]);
    assert.match(rules, /^table bridge lab\ndelete table bridge lab\n/);
    assert.doesNotMatch(rules, /drop/);
  });

  it("name the port on one side only when the other side is everybody", () => {
    const rules = cutRules([
      { from: "ha1", to: "*" },
      { from: "*", to: "ha1" },
    ]);
    assert.match(rules, /^ {4}iifname "ha1" drop$/m);
    assert.match(rules, /^ {4}oifname "ha1" drop$/m);
  });

  it("name both ports for a cut between two hosts", () => {
    assert.match(cutRules([{ from: "ha1", to: "ha2" }]), /^ {4}iifname "ha1" oifname "ha2" drop$/m);
  });
});
