import assert from "node:assert/strict";
import { checkClaims } from "../../../provider/group/claim";

const own = { group: "g", stack: "p/dev" };

describe("the claim on a host", () => {
  it("is free where nobody was, and one's own where one was before", () => {
    checkClaims(
      own,
      new Map([
        ["a", null],
        ["b", own],
      ]),
    );
  });

  it("of another group is an error that names it", () => {
    const found = new Map([["a", { group: "other", stack: "p/dev" }]]);
    assert.throws(
      () => checkClaims(own, found),
      /^UserError: host a belongs to group "other" of stack p\/dev; a host can be in one group only/,
    );
  });

  it("of a group with the same name in another stack is an error too", () => {
    const found = new Map([["a", { group: "g", stack: "p/prod" }]]);
    assert.throws(() => checkClaims(own, found), /host a belongs to group "g" of stack p\/prod/);
  });
});
