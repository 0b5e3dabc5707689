import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { checkout } from "./lab/paths";

/** Where a file runs, the longest prefix counts (design.md 2). */
const PLACES = ["sdk", "provider", "provider/agent", "provider/contract"] as const;
type Place = (typeof PLACES)[number];

interface Import {
  from: string;
  place: Place;
  target: string;
  typeOnly: boolean;
}

interface Rule {
  title: string;
  allows(entry: Import): boolean;
}

const RULES: Record<Place, Rule> = {
  sdk: {
    title: "sdk imports only types from the provider (at run time only the stub's text names it), and Pulumi",
    allows: ({ from, target, typeOnly }) =>
      (from === "sdk/thin-provider.ts" && target === "pulumi-container-ha/provider") ||
      inside(target, "sdk") ||
      target === "@pulumi/pulumi" ||
      isNode(target) ||
      (inside(target, "provider") && typeOnly),
  },
  provider: {
    title:
      "the provider imports itself and the contract, nothing of the agent (it ships its bundle) and nothing of Pulumi",
    allows: ({ from, target }) =>
      (inside(target, "provider") && !inside(target, "provider/agent")) ||
      isNode(target) ||
      ["zod", "ssh2"].includes(target) ||
      MAY_NAME_THE_AGENT.some(([file, what]) => from === file && target === what),
  },
  "provider/agent": {
    title: "the agent imports itself and the contract",
    allows: ({ target }) =>
      inside(target, "provider/agent") ||
      inside(target, "provider/contract") ||
      isNode(target) ||
      AGENT_PACKAGES.includes(target),
  },
  "provider/contract": {
    title: "the contract imports zod",
    allows: ({ target }) => inside(target, "provider/contract") || isNode(target) || target === "zod",
  },
};

const AGENT_PACKAGES = ["zod", "@grpc/grpc-js", "@grpc/proto-loader", "croner"];
/** The build of the bundles, and the version they carry. */
const MAY_NAME_THE_AGENT = [
  ["provider/build/bundle.ts", "esbuild"],
  ["provider/release/release.ts", "provider/agent/version"],
] as const;

describe("imports", () => {
  const imports = ["sdk", "provider"].flatMap((folder) => filesIn(folder).flatMap(importsOf));

  for (const place of PLACES) {
    it(`keep to the rule: ${RULES[place].title}`, () => {
      const own = imports.filter((entry) => entry.place === place);
      assert.ok(own.length > 0, `no import was found in ${place}`);
      const wrong = own.filter((entry) => !RULES[place].allows(entry));
      assert.deepEqual(
        wrong.map(({ from, target, typeOnly }) => `${from} imports ${typeOnly ? "types of " : ""}${target}`),
        [],
      );
    });
  }
});

function filesIn(folder: string): string[] {
  return readdirSync(join(checkout, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path).split(sep).join("/"));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(checkout, file), "utf8");
  const place = PLACES.filter((candidate) => file.startsWith(`${candidate}/`)).at(-1)!;
  const found = [
    ...text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^;"']*?\sfrom\s+)?["']([^"']+)["']/gm),
    ...text.matchAll(/()\b(?:require|import)\(["']([^"']+)["']\)/g),
  ];
  return found.map(([, type, specifier = ""]) => ({
    from: file,
    place,
    typeOnly: Boolean(type),
    target: specifier.startsWith(".")
      ? relative(checkout, join(checkout, file, "..", specifier))
          .split(sep)
          .join("/")
      : specifier,
  }));
}

function inside(target: string, folder: string): boolean {
  return target === folder || target.startsWith(`${folder}/`);
}

function isNode(target: string): boolean {
  return target.startsWith("node:");
}
