import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { checkout } from "../lab/paths";

/** Examples say `noCheck`, so that each `pulumi up` starts seconds earlier; here they are checked. */
describe("programs of the examples", function () {
  this.timeout(60_000);

  it("are correctly typed against what this package exports", () => {
    const argv = ["node_modules/typescript/bin/tsc", "-p", "test/examples/tsconfig.json"];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: checkout, encoding: "utf8" });
    assert.deepEqual([stdout, stderr, status], ["", "", 0]);
  });
});
