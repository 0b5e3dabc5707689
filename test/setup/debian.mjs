import { withLock } from "./lock.mjs";
import { asRoot, capture, findProgram, must } from "./programs.mjs";
import { step } from "./progress.mjs";

/** Programs that the lab needs on this machine, and the Debian package of each. */
const labPrograms = {
  ip: "iproute2",
  nft: "nftables",
  debootstrap: "debootstrap",
  ssh: "openssh-client",
  tcpdump: "tcpdump",
};

export async function ensureLabPrograms() {
  await ensurePrograms(labPrograms);
}

/** Installs the packages of those programs that are missing. */
export async function ensurePrograms(programs) {
  const missing = () => Object.keys(programs).filter((name) => findProgram(name) === undefined);
  if (missing().length === 0) return;
  await withLock("apt", async () => {
    const packages = [...new Set(missing().map((name) => programs[name]))];
    if (packages.length > 0) await step(`Debian packages ${packages.join(", ")}`, () => install(packages));
  });
}

async function install(packages) {
  const apt = asRoot([
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
    "-qy",
    "-o",
    "DPkg::Lock::Timeout=300",
  ]);
  const argv = [...apt, "install", "--no-install-recommends", ...packages];
  // The lists of a fresh machine are empty or old: fetched only when they are needed.
  if ((await capture(argv)).ok) return;
  await must([...apt, "update"]);
  await must(argv);
}
