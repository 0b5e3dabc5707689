import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { withLock } from "./lock.mjs";
import { cacheFolder, checkout } from "./paths.mjs";
import { capture, findProgram } from "./programs.mjs";
import { say, step } from "./progress.mjs";
import { buildPulumi } from "./pulumi-build.mjs";
import { downloadPulumi } from "./pulumi-download.mjs";

/** The version that is fetched or built, and the oldest one on PATH that is good enough. */
const version = "3.259.0";
const oldest = [3, 200];

const dynamicProvider = "pulumi-resource-pulumi-nodejs";

/**
 * The Pulumi CLI with its language host and its plugin for dynamic providers: the one on PATH where it is recent
 * enough, else Pulumi's own download, else built from its Go modules. Returns folders to put in front of PATH.
 */
export async function ensurePulumi() {
  const found = await onPath();
  if (found !== undefined) return existsSync(join(found, dynamicProvider)) ? [] : [pluginFolder()];
  const folder = join(cacheFolder, "pulumi", `v${version}`);
  const bin = join(folder, "bin");
  if (!existsSync(join(bin, "pulumi"))) {
    await withLock("pulumi", async () => {
      if (!existsSync(join(bin, "pulumi")))
        await step(`Pulumi CLI ${version}`, (detail) => make(folder, detail));
    });
  }
  placePlugin(bin);
  return [bin];
}

async function make(folder, detail) {
  const building = `${folder}.new`;
  rmSync(building, { recursive: true, force: true });
  mkdirSync(join(building, "bin"), { recursive: true });
  const refused = await downloadPulumi({ version, bin: join(building, "bin") });
  if (refused !== undefined) {
    detail(`no download (${refused}), so it is built from its Go modules, usually 5 minutes`);
    await buildPulumi({ version, bin: join(building, "bin"), detail });
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(building, folder);
}

/** Folder of a recent CLI on PATH that has its language host beside it. */
async function onPath() {
  const program = findProgram("pulumi");
  if (program === undefined) return undefined;
  const { output } = await capture([program, "version"], {
    environment: { PULUMI_SKIP_UPDATE_CHECK: "true" },
  });
  if (!isRecent(output)) {
    say(`pulumi ${output.trim()} on PATH is older than ${oldest.join(".")}, so another one is used`);
    return undefined;
  }
  return existsSync(join(dirname(program), "pulumi-language-nodejs")) ? dirname(program) : undefined;
}

/** Whether `pulumi version` printed a version that is new enough. */
export function isRecent(output) {
  const [, major, minor] = output.match(/v?(\d+)\.(\d+)\.\d+/) ?? [];
  return Number(major) > oldest[0] || (Number(major) === oldest[0] && Number(minor) >= oldest[1]);
}

function pluginFolder() {
  const folder = join(cacheFolder, "pulumi", "plugin");
  mkdirSync(folder, { recursive: true });
  placePlugin(folder);
  return folder;
}

/** The plugin is a script of the npm package @pulumi/pulumi. */
function placePlugin(folder) {
  const temporary = join(folder, `.plugin-${process.pid}`);
  copyFileSync(join(checkout, "node_modules/@pulumi/pulumi", dynamicProvider), temporary);
  chmodSync(temporary, 0o755);
  renameSync(temporary, join(folder, dynamicProvider));
}
