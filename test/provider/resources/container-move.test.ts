import assert from "node:assert/strict";
import { moveNotice } from "../../../provider/resources/container-move";

describe("A plan with another preferred host", () => {
  it("says that it is a live migration", () => {
    assert.equal(
      moveNotice({ preferredHost: "a" }, { name: "redis", preferredHost: "b" }),
      "ProtectedContainer redis: the changed preferredHost means a live migration to b: its memory and its connections are kept",
    );
  });

  it("says nothing where it does not change or is taken away", () => {
    assert.equal(moveNotice({ preferredHost: "a" }, { name: "redis", preferredHost: "a" }), null);
    assert.equal(moveNotice({ preferredHost: "a" }, { name: "redis" }), null);
  });
});
