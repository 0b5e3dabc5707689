import assert from "node:assert/strict";
import { votersOf } from "../../../provider/etcd/voters";

const chosen = (roles: string) =>
  votersOf(
    [...roles].map((role, index) => ({
      index,
      role: role === "w" ? ("witness" as const) : ("member" as const),
    })),
  )
    .map(({ index }) => index)
    .join("");

describe("the voters of a group", () => {
  for (const [roles, voters, title] of [
    ["mmm", "012", "three members"],
    ["mmw", "201", "two members and a witness, the witness first"],
    ["mmmm", "012", "the first three of four members"],
    ["mmmmm", "01234", "five members"],
    ["mmmmmmmw", "70123", "a witness and four of seven members"],
    ["mm", "0", "one of two, so that two alone are never enough"],
  ] as const) {
    it(`are ${title}`, () => assert.equal(chosen(roles), voters));
  }

  it("stay when a member is appended", () => {
    for (const roles of ["mmm", "mmmm", "mmmmm", "mmw"]) {
      const before = [...chosen(roles)];
      const after = chosen(`${roles}m`);
      assert.ok(
        before.every((voter) => after.includes(voter)),
        `${roles}: ${before} -> ${after}`,
      );
    }
  });
});
