import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** Which folder may import what (design: three places, one direction). Node's own modules are allowed everywhere. */
const root = resolve(__dirname, "..", "..");
const type = /^import type |^export type /;

interface Import {
  file: string;
  target: string;
  typeOnly: boolean;
}

describe("import rules", () => {
  it("the contract imports only itself and zod", () => {
    assert.deepEqual(strays("provider/contract", ["provider/contract", "zod"]), []);
  });

  it("the agent imports only the contract, itself, zod and croner", () => {
    assert.deepEqual(strays("provider/agent", ["provider/contract", "provider/agent", "zod", "croner"]), []);
  });

  it("the provider imports neither the agent nor the sdk nor Pulumi", () => {
    const imports = importsBelow("provider").filter(({ file }) => !file.startsWith("provider/agent/"));
    const forbidden = ["provider/agent", "sdk", "@pulumi/"];
    assert.deepEqual(
      imports.filter(({ target }) => forbidden.some((prefix) => target.startsWith(prefix))),
      [],
    );
  });

  it("the sdk imports types only from the provider, and nothing that does I/O", () => {
    // At run time the provider is reached only by the text of the serialised stub.
    const allowed = ["sdk", "@pulumi/pulumi", "pulumi-container-ha/provider"];
    const found = importsBelow("sdk").filter(
      ({ target, typeOnly }) => !typeOnly && !allowed.some((prefix) => target.startsWith(prefix)),
    );
    assert.deepEqual(found, []);
  });

  it("the product imports nothing from the tests", () => {
    const imports = [...importsBelow("provider"), ...importsBelow("sdk")];
    assert.deepEqual(
      imports.filter(({ target }) => target.startsWith("test/")),
      [],
    );
  });
});

function strays(folder: string, allowed: string[]): Import[] {
  return importsBelow(folder).filter(
    ({ target }) => !allowed.some((prefix) => target === prefix || target.startsWith(`${prefix}/`)),
  );
}

function importsBelow(folder: string): Import[] {
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  assert.ok(files.length > 0, `${folder} has no sources`);
  return files.flatMap(importsOf).filter(({ target }) => !target.startsWith("node:"));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const statements = text.matchAll(/^(?:import|export)\b[^;"]*?from\s+"([^"]+)"/gm);
  const direct = [...statements].map((match) => ({ name: match[1]!, typeOnly: type.test(match[0]) }));
  const required = [...text.matchAll(/(?:^import|\brequire\(|\bimport\()\s*"([^"]+)"/gm)].map((match) => ({
    name: match[1]!,
    typeOnly: false,
  }));
  return [...direct, ...required].map(({ name, typeOnly }) => ({
    file,
    typeOnly,
    target: name.startsWith(".") ? relative(root, resolve(root, dirname(file), name)) : name,
  }));
}
