import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../../../provider/build/bundle";
import { checkout } from "../../lab/paths";

describe("bundling the programs for hosts", () => {
  let root: string;
  const writeMain = (text: string) => writeFileSync(join(root, "provider", "agent", "cli", "main.ts"), text);
  const said = (outDir: string) =>
    execFileSync(process.execPath, [join(outDir, "cli.js")], { encoding: "utf8" });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "bundle-"));
    mkdirSync(join(root, "provider", "agent", "cli"), { recursive: true });
    writeFileSync(join(root, "package.json"), JSON.stringify({ version: "9.8.7" }));
    writeFileSync(join(root, "provider", "agent", "words.ts"), "export const word: string = 'hello';\n");
    writeMain('import { word } from "../words";\nconsole.log(word);\n');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("makes one file for each program that exists, which runs by itself", async () => {
    const outDir = join(root, "host");
    await bundle({ root, outDir });
    assert.deepEqual(readdirSync(outDir).sort(), ["cli.js", "release.json"]);
    assert.equal(said(outDir), "hello\n");
  });

  it("leaves out zod's translations: what is wrong is told in English all the same", async () => {
    symlinkSync(join(checkout, "node_modules"), join(root, "node_modules"));
    writeMain('import { z } from "zod";\nconsole.log(z.string().safeParse(1).error!.issues[0]!.message);\n');
    const outDir = join(root, "host");
    await bundle({ root, outDir });
    assert.equal(said(outDir), "Invalid input: expected string, received number\n");
    assert.ok(!readFileSync(join(outDir, "cli.js"), "utf8").includes("Ungültige Eingabe"));
  });

  it("gives the programs the package's version, which stands nowhere else", async () => {
    copyFileSync(join(checkout, "provider/agent/version.ts"), join(root, "provider/agent/version.ts"));
    writeMain('import { VERSION } from "../version";\nconsole.log(VERSION);\n');
    const outDir = join(root, "host");
    await bundle({ root, outDir });
    assert.equal(said(outDir), "9.8.7\n");
  });

  it("writes down version and hashes, the same for the same sources", async () => {
    const outDir = join(root, "host");
    await bundle({ root, outDir });
    const first = readFileSync(join(outDir, "release.json"), "utf8");
    const facts = JSON.parse(first) as { version: string; bundles: Record<string, string> };
    assert.equal(facts.version, "9.8.7");
    assert.match(facts.bundles["cli.js"]!, /^[0-9a-f]{64}$/);
    await bundle({ root, outDir });
    assert.equal(readFileSync(join(outDir, "release.json"), "utf8"), first);
  });
});
