import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { node24 } from "./packages.mjs";
import { checkout, hashOf } from "./paths.mjs";
import { capture, lastLines } from "./programs.mjs";
import { step } from "./progress.mjs";

const sourceFolders = ["sdk", "provider", "test"];
const dist = join(checkout, "dist");
const stamp = join(dist, ".stamp");

/** Compiles the sources and makes the bundles for hosts, unless nothing changed. `{ok, output}`. */
export async function build() {
  return withLock(`build-${hashOf(checkout)}`, async () => {
    const version = sourceVersion();
    if (existsSync(stamp) && readFileSync(stamp, "utf8") === version) return { ok: true, output: "" };
    return step("build", () => compile(version));
  });
}

async function compile(version) {
  rmSync(stamp, { force: true });
  const compiled = await capture([node24(), "node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], {
    cwd: checkout,
  });
  for (const folder of sourceFolders) removeOrphans(folder);
  if (!compiled.ok) return { ok: false, output: compiled.output };

  const bundler = join(dist, "provider/build/bundle.js");
  if (existsSync(bundler)) {
    const bundled = await capture([node24(), bundler], { cwd: checkout });
    if (!bundled.ok) return { ok: false, output: lastLines(bundled.output, 20) };
  }
  mkdirSync(dist, { recursive: true });
  writeFileSync(stamp, version);
  return { ok: true, output: "" };
}

function sourceVersion() {
  const files = sourceFolders.flatMap((folder) => filesBelow(folder)).filter((file) => file.endsWith(".ts"));
  const inputs = ["tsconfig.json", "package-lock.json", "package.json", ...files.sort()];
  return hashOf(...inputs.flatMap((file) => [file, readFileSync(join(checkout, file))]));
}

/** Removes compiled files whose source is gone: mocha would go on running them. */
function removeOrphans(folder) {
  for (const file of filesBelow(join("dist", folder))) {
    const source = file.replace(/^dist\//, "").replace(/(\.d\.ts|\.js)$/, ".ts");
    if (/(\.d\.ts|\.js)$/.test(file) && !existsSync(join(checkout, source))) rmSync(join(checkout, file));
  }
}

function filesBelow(folder) {
  if (!existsSync(join(checkout, folder))) return [];
  return readdirSync(join(checkout, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(path);
    return [path];
  });
}
