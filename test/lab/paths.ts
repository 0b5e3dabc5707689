import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export const checkout = findCheckout(__dirname);

/** Where the root file system, the Pulumi CLI and the labs are kept: outside the clone, survives it. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pulumi-container-ha");
}

export function labsFolder(): string {
  return join(cacheFolder(), "labs");
}

/** The root file system that all hosts share, made by the set-up. */
export function rootfsFolder(): string {
  const folder = process.env.CONTAINER_HA_ROOTFS || join(cacheFolder(), "rootfs", "current");
  if (!existsSync(join(folder, "sbin/init"))) {
    throw new Error(
      `no root file system for test hosts at ${folder}: run "npm run lab -- up", which makes it`,
    );
  }
  return realpathSync(folder);
}

/** A shell script of the lab; scripts are not compiled, so they are read from the checkout. */
export function labScript(name: string): string {
  return join(checkout, "test/lab", name);
}

/** The checkout is above the compiled file, or the working directory when that was compiled elsewhere. */
function findCheckout(from: string): string {
  if (existsSync(join(from, "test/lab/boot-host.sh"))) return from;
  const parent = dirname(from);
  return parent === from ? process.cwd() : findCheckout(parent);
}
