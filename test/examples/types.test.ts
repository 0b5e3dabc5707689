import assert from "node:assert/strict";
import { join } from "node:path";
import ts from "typescript";
import { checkout } from "../lab/paths";

/** Examples say `noCheck`, so that each `pulumi up` starts seconds earlier; here they are checked. */
describe("programs of the examples", function () {
  this.timeout(60_000);

  it("are correctly typed against what this package exports", () => {
    const programs = [
      "examples/redis-ha",
      "examples/three-tier",
      "test/bench/program",
      "test/faults/program",
      "test/e2e/programs/operators",
      "test/e2e/programs/platform",
      "test/e2e/programs/shop",
    ];
    const folders = programs.map((folder) => join(checkout, folder));
    const { config } = ts.readConfigFile(join(folders[0]!, "tsconfig.json"), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folders[0]!);
    const program = ts.createProgram(
      folders.map((folder) => join(folder, "index.ts")),
      {
        ...options,
        noCheck: false,
        rootDir: undefined,
        types: ["node"],
        paths: { "pulumi-container-ha": [join(checkout, "dist/sdk/index.d.ts")] },
      },
    );
    const faults = ts.getPreEmitDiagnostics(program).map((fault) => {
      const text = ts.flattenDiagnosticMessageText(fault.messageText, "\n");
      return `${fault.file?.fileName}: ${text}`;
    });
    assert.deepEqual(faults, []);
  });
});
