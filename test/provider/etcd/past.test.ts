import assert from "node:assert/strict";
import { type VoterData, votersOfThePast } from "../../../provider/etcd/past";

const rebuilt = (number: number, id = `cluster-${number}`) =>
  `${JSON.stringify({ number, id, by: "a", at: "2026-01-01T00:00:00.000Z" })}\n`;
const voter = (name: string, text: string, hasData = true): VoterData => ({ name, hasData, rebuilt: text });

describe("voters whose data are of a cluster that was given up", () => {
  it("are none in a group that was never rebuilt", () => {
    assert.deepEqual(votersOfThePast([voter("a", ""), voter("b", ""), voter("c", "")]), []);
  });

  it("are those of the first cluster where one was rebuilt", () => {
    assert.deepEqual(votersOfThePast([voter("a", rebuilt(1)), voter("b", ""), voter("c", "")]), ["b", "c"]);
  });

  it("are those of an earlier rebuilt one too", () => {
    const voters = [voter("a", rebuilt(1)), voter("b", rebuilt(2)), voter("c", rebuilt(2))];
    assert.deepEqual(votersOfThePast(voters), ["a"]);
  });

  it("are not those without data, whatever else lies there", () => {
    assert.deepEqual(votersOfThePast([voter("a", rebuilt(1)), voter("b", "", false)]), []);
    assert.deepEqual(votersOfThePast([voter("a", ""), voter("b", rebuilt(3), false)]), []);
  });

  it("cannot be told where two were rebuilt apart from each other: an operator has to decide", () => {
    const voters = [voter("a", rebuilt(1, "x")), voter("b", rebuilt(1, "y")), voter("c", "")];
    assert.throws(() => votersOfThePast(voters), /^UserError: a and b were both rebuilt .* Decide which one/);
  });

  it("cannot be told from a record that is not understood, and none is deleted for that", () => {
    assert.throws(() => votersOfThePast([voter("a", "torn"), voter("b", "")]), /is not understood: torn/);
  });
});
