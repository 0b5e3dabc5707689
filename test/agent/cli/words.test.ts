import assert from "node:assert/strict";
import { ago, clockTime, sentence } from "../../../provider/agent/cli/words";

describe("words of the command line", () => {
  const ages: [number, string][] = [
    [-50, "now"],
    [999, "now"],
    [3_999, "3 s ago"],
    [119_999, "119 s ago"],
    [120_000, "2 min ago"],
    [7_200_000, "2 h ago"],
    [172_800_000, "2 d ago"],
  ];
  for (const [ms, text] of ages) {
    it(`calls an age of ${ms} ms "${text}"`, () => assert.equal(ago(ms), text));
  }

  it("shows times in UTC and leaves alone what is no time", () => {
    assert.equal(clockTime("2026-10-02T12:00:00.500+02:00"), "2026-10-02 10:00:00Z");
    assert.equal(clockTime("soon"), "soon");
  });

  it("ends sentences once", () => {
    assert.equal(sentence("It stopped "), "It stopped.");
    assert.equal(sentence("It stopped."), "It stopped.");
  });
});
