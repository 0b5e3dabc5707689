import { delimiter } from "node:path";
import { capabilities, describeMissing } from "./capabilities.mjs";
import { ensureLabPrograms } from "./debian.mjs";
import { pathWithNode24 } from "./packages.mjs";
import { Failure } from "./programs.mjs";
import { ensurePulumi } from "./pulumi.mjs";
import { ensureRootfs } from "./rootfs.mjs";

/** Makes sure of everything that test hosts need; returns the environment for the programs that use them. */
export async function labEnvironment() {
  const able = capabilities();
  if (!able.ok) throw new Failure(describeMissing(able));
  await ensureLabPrograms();
  const rootfs = await ensureRootfs();
  const pulumi = await ensurePulumi();
  return {
    PATH: [...pulumi, pathWithNode24()].join(delimiter),
    CONTAINER_HA_ROOTFS: rootfs,
    CONTAINER_HA_CAPABILITIES: JSON.stringify(able),
  };
}
