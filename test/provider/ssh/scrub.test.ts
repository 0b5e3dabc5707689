import assert from "node:assert/strict";
import { scrub } from "../../../provider/ssh/scrub";

describe("scrubbing of messages", () => {
  it("removes a secret, and each longer line of one", () => {
    assert.equal(scrub("password=hunter22 rejected", ["hunter22"]), "password=[secret] rejected");
    assert.equal(scrub("bad line: c2VjcmV0IQ", ["-----BEGIN\nc2VjcmV0IQ\n-----END"]), "bad line: [secret]");
  });

  it("leaves words alone that are too short to be secrets", () => {
    assert.equal(scrub("exit status 1", ["1", "\n", ""]), "exit status 1");
  });
});
