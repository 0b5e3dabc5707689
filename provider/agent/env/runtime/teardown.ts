import { rmSync } from "node:fs";
import { engineSchema } from "../../../contract";
import type { RuntimeContext } from "./context";
import { remove } from "./lifecycle";
import { list } from "./listing";
import { removeHostNetwork } from "./network";
import { recordRoot, runRoot } from "./places";

/** Takes away everything that the runtime ever made on this host; a dead or missing engine does not stop the rest. */
export async function removeHostRuntime(context: RuntimeContext): Promise<void> {
  const copies = await list(context);
  for (const { container } of copies) await remove(context, container);
  for (const engine of engineSchema.options) {
    await context.engines[engine].removeNetwork().catch((error: Error) => context.log.debug(error.message));
  }
  await removeHostNetwork();
  for (const folder of [runRoot, recordRoot]) rmSync(folder, { recursive: true, force: true });
}
