import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { release } from "../../../provider/release/release";
import { architectureOf } from "../../../provider/release/runtime";

describe("a release", () => {
  let folder: string;
  const write = (bundles: Record<string, string>) => {
    const path = mkdtempSync(join(folder, "host-"));
    writeFileSync(join(path, "release.json"), JSON.stringify({ version: "1.2.3", bundles }));
    return path;
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "release-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("is named by everything that runs on a host", () => {
    const one = release(write({ "agent.js": "a", "lease.js": "b" }));
    const same = release(write({ "lease.js": "b", "agent.js": "a" }));
    const other = release(write({ "agent.js": "a", "lease.js": "c" }));
    assert.equal(one.version, "1.2.3");
    assert.match(one.hash, /^[0-9a-f]{16}$/);
    assert.equal(one.hash, same.hash);
    assert.notEqual(one.hash, other.hash);
  });

  it("says what to do where the bundles were not built", () => {
    assert.throws(
      () => release(join(folder, "nowhere")),
      /release\.json is missing: this build .* is not complete/,
    );
  });

  it("knows the architectures of hosts by what the kernel calls them", () => {
    assert.deepEqual(["x86_64", "aarch64", "riscv64"].map(architectureOf), ["x64", "arm64", null]);
  });
});
