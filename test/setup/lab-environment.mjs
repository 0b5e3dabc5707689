import { delimiter } from "node:path";
import { capabilities, describeMissing, lacksSysResource } from "./capabilities.mjs";
import { ensureLabPrograms } from "./debian.mjs";
import { pathWithNode24 } from "./packages.mjs";
import { Failure } from "./programs.mjs";
import { say } from "./progress.mjs";
import { ensurePulumi } from "./pulumi.mjs";
import { ensureRootfs } from "./rootfs.mjs";

const preloadNotice =
  "NOT AS ON A REAL HOST: this machine lacks CAP_SYS_RESOURCE, so CRIU on the test hosts runs with a preload " +
  "(test/setup/criu-rlimits.c), without which it could dump no process of another user than root";

/** Makes sure of everything that test hosts need; returns the environment for the programs that use them. */
export async function labEnvironment() {
  const able = capabilities();
  if (!able.ok) throw new Failure(describeMissing(able));
  if (lacksSysResource()) say(preloadNotice);
  await ensureLabPrograms();
  const rootfs = await ensureRootfs();
  const pulumi = await ensurePulumi();
  return {
    PATH: [...pulumi, pathWithNode24()].join(delimiter),
    CONTAINER_HA_ROOTFS: rootfs,
    CONTAINER_HA_CAPABILITIES: JSON.stringify(able),
  };
}
