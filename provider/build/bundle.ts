import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";

/** What runs on a host, one self-contained file each. */
const ENTRIES = {
  lease: "provider/agent/lease/main.ts",
  agent: "provider/agent/main.ts",
  cli: "provider/agent/cli/main.ts",
  ctl: "provider/agent/cli/ctl-main.ts",
} as const;

/** Half of a bundle would be zod's messages in fifty languages, which each start of a program has to read. */
const withoutTranslations: Plugin = {
  name: "without-translations",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/locales\/index\.js$/ }, ({ path }) => ({ path, namespace: "nothing" }));
    onLoad({ filter: /./, namespace: "nothing" }, () => ({ contents: "" }));
  },
};

/**
 * Bundles the programs for hosts from the sources in `root` into `outDir`: `lease.js`, `agent.js`, `cli.js`,
 * `ctl.js` and `release.json`, which names the version and each bundle's sha256. Entries without a source are left out.
 */
export async function bundle({ root, outDir }: { root: string; outDir: string }): Promise<void> {
  await rm(outDir, { recursive: true, force: true });
  await mkdir(outDir, { recursive: true });
  const entries = Object.entries(ENTRIES).filter(([, source]) => existsSync(join(root, source)));
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  await build({
    absWorkingDir: root,
    define: { CONTAINER_HA_VERSION: JSON.stringify(version) },
    entryPoints: Object.fromEntries(entries),
    outdir: outDir,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    minifySyntax: true,
    loader: { ".proto": "text" },
    plugins: [withoutTranslations],
    logLevel: "warning",
  });
  const hashes = await Promise.all(
    entries.map(async ([name]) => [`${name}.js`, await sha256Of(join(outDir, `${name}.js`))] as const),
  );
  const facts = { version, bundles: Object.fromEntries(hashes) };
  await writeFile(join(outDir, "release.json"), `${JSON.stringify(facts, null, 2)}\n`);
}

async function sha256Of(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

if (require.main === module) {
  const compiled = join(__dirname, "..", "..");
  bundle({ root: join(compiled, ".."), outDir: join(compiled, "host") }).catch((error: Error) => {
    console.error(`The programs for the hosts could not be bundled: ${error.message}`);
    process.exitCode = 1;
  });
}
