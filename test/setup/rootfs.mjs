import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { cacheFolder, hashOf, unfinished } from "./paths.mjs";
import { asRoot, capture, must } from "./programs.mjs";
import { step } from "./progress.mjs";

const title = "root file system of test hosts";
const recipe = new URL("rootfs.sh", import.meta.url).pathname;
const preload = new URL("criu-rlimits.c", import.meta.url).pathname;

/** The root file system that test hosts share; made when there is none of this recipe. Returns its folder. */
export async function ensureRootfs() {
  const folder = join(
    cacheFolder,
    "rootfs",
    hashOf(readFileSync(recipe), readFileSync(preload), process.arch),
  );
  if (existsSync(folder)) return folder;
  await withLock("rootfs", async () => {
    if (!existsSync(folder)) await step(title, (say) => make(folder, say), { usually: "3 minutes" });
  });
  return folder;
}

async function make(folder, say) {
  mkdirSync(unfinished, { recursive: true });
  mkdirSync(join(folder, ".."), { recursive: true });
  for (const name of readdirSync(unfinished).filter((entry) => entry.startsWith("rootfs-"))) {
    await must(asRoot(["rm", "-rf", "--one-file-system", join(unfinished, name)]));
  }
  const target = join(unfinished, `rootfs-${process.pid}`);
  const mirror = await debianMirror();
  const onLine = (line) => line.startsWith("rootfs: ") && say(line.slice("rootfs: ".length).slice(0, 70));
  // In namespaces of its own, so that an interruption leaves neither a mount nor a process.
  const alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  await must(asRoot([...alone, "bash", recipe, target, ...mirror]), { onLine });
  await must(asRoot(["mv", "-T", target, folder]));
  await must(asRoot(["ln", "-sfnT", folder, join(folder, "..", "current")]));
  await must(asRoot(["rm", "-f", `${target}.log`]));
}

/** The mirror that this machine itself uses, so that a local one is used for hosts too. */
async function debianMirror() {
  const format = [
    "indextargets",
    "--format",
    "$(REPO_URI)",
    "Created-By: Packages",
    "Origin: Debian",
    "Label: Debian",
  ];
  const { output } = await capture(["apt-get", ...format]);
  const found = output.split("\n").find((line) => /^https?:\/\//.test(line));
  return found === undefined ? [] : [found];
}
