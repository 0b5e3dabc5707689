import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { withLock } from "./lock.mjs";
import { checkout, hashOf } from "./paths.mjs";
import { Failure, findProgram, must } from "./programs.mjs";
import { step } from "./progress.mjs";

const modules = join(checkout, "node_modules");
const systemFolders = "/usr/local/sbin:/usr/sbin:/sbin";

/** Installs the npm packages of the lock file, unless exactly these are installed. */
export async function ensurePackages() {
  if (installed()) return;
  await withLock(`npm-${hashOf(checkout)}`, async () => {
    if (!installed())
      await step("npm packages", () => must(npmCi(), { cwd: checkout, environment: outsidePath() }));
  });
}

/** The Node that everything after the set-up runs on. */
export function node24() {
  const packaged = join(modules, `node-${process.platform}-${process.arch}`, "bin/node");
  if (existsSync(packaged)) return packaged;
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return process.execPath;
  throw new Failure(
    `Node ${process.versions.node} is too old on ${process.platform} ${process.arch}: 20.19 or newer`,
  );
}

/** PATH for what follows. A user's PATH on Debian lacks the folders of ip and nft. */
export function pathWithNode24() {
  return [join(node24(), ".."), join(modules, ".bin"), process.env.PATH, systemFolders].join(delimiter);
}

/** npm writes the hidden lock file last, so an installation that was interrupted has none. */
export function sameTree(wanted, present) {
  const names = Object.keys(wanted.packages).filter((name) => name !== "");
  return (
    names.every((name) => wanted.packages[name].optional || present.packages[name] !== undefined) &&
    Object.entries(present.packages).every(
      ([name, found]) => wanted.packages[name]?.version === found.version,
    )
  );
}

function installed() {
  const hidden = join(modules, ".package-lock.json");
  if (!existsSync(hidden)) return false;
  const read = (file) => JSON.parse(readFileSync(file, "utf8"));
  if (!sameTree(read(join(checkout, "package-lock.json")), read(hidden))) return false;
  const runtime = `node-linux-${process.arch}`;
  return process.platform !== "linux" || existsSync(join(modules, runtime, "bin/node"));
}

function npmCi() {
  const npm = findProgram("npm");
  if (npm === undefined) throw new Failure("npm is missing: install the package npm of your distribution");
  return [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"];
}

/** PATH without node_modules/.bin: npm must not run on the Node that it is about to replace. */
function outsidePath() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.startsWith(modules));
  return { PATH: folders.join(delimiter) };
}
