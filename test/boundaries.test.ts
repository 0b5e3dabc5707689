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
  it("the contract imports only itself, zod and croner, by which both sides read cron fields alike", () => {
    assert.deepEqual(strays("provider/contract", ["provider/contract", "zod", "croner"]), []);
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

describe("time and chance", () => {
  /** What answers differently each time it is asked, or waits for the machine's own clock. */
  const real =
    /\bDate\.now\b|\bnew Date\(\)|\bset(Timeout|Interval)\b|\bMath\.random\b|\bperformance\b|\bhrtime\b|\brandom(UUID|Bytes|Int)\b/;

  it("come only through ports in what the agent and the lease process decide", () => {
    // What lies below the ports, the programs that join them to the machine, and what people look at.
    const below =
      /^provider\/agent\/(env|api|cli)\/|\/main\.ts$|^provider\/agent\/lease\/(nft|kernel|server|gate-client|stale-nft|lines)/;
    assert.deepEqual(uses("provider/agent", below), []);
  });

  it("are virtual and seeded in the simulator", () => {
    // Only its command line measures how long it takes.
    assert.deepEqual(uses("test/sim", /^test\/sim\/main\.ts$/), []);
  });

  function uses(folder: string, except: RegExp): string[] {
    return sourcesBelow(folder)
      .filter((file) => !except.test(file))
      .flatMap((file) =>
        readFileSync(join(root, file), "utf8")
          .split("\n")
          .flatMap((line, index) => (real.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
      );
  }
});

function strays(folder: string, allowed: string[]): Import[] {
  return importsBelow(folder).filter(
    ({ target }) => !allowed.some((prefix) => target === prefix || target.startsWith(`${prefix}/`)),
  );
}

function importsBelow(folder: string): Import[] {
  return sourcesBelow(folder)
    .flatMap(importsOf)
    .filter(({ target }) => !target.startsWith("node:"));
}

function sourcesBelow(folder: string): string[] {
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  assert.ok(files.length > 0, `${folder} has no sources`);
  return files;
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
