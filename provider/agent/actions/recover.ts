import { parkedMac } from "../../contract";
import type { Context, Subject } from "../context";
import { usableGeneration } from "../view";
import { restoreHeld } from "./begin";
import { intactGeneration } from "./generations";

/**
 * After a crash: the copy is made ready and the generation verified while the new epoch is recorded, and restored up
 * to its first instruction as soon as it is. What fails here is tried again, and told, when the new life begins.
 */
export async function recover(
  context: Context,
  { container, local }: Subject,
  { recorded, syncGate }: { recorded: Promise<{ committed: boolean }>; syncGate: () => Promise<void> },
): Promise<void> {
  const named = usableGeneration(container);
  if (!named) return;
  const { runtime, log, clock } = context.env;
  const spec = container.spec!.value;
  const { name } = container;
  try {
    await runtime.kill(name);
    local.mac = "parked";
    await syncGate();
    const steps = [
      intactGeneration(context, container, named),
      recorded,
      runtime.prepare({ spec, mac: parkedMac(context.me.group, name, context.me.host) }),
    ] as const;
    // Where one fails, what goes on in the engine would meet what is done next.
    await Promise.allSettled(steps);
    const [{ folder }, { committed }] = await Promise.all(steps);
    local.state = "prepared";
    if (!committed) return;
    await restoreHeld(context, { container: name, spec, local, folder, syncGate, mac: "real" });
    Object.assign(local, { held: { epoch: named.epoch, gen: named.gen }, heldSince: clock.now() });
  } catch (error) {
    log.debug(`${name} was not restored at once: ${(error as Error).message}`);
    await runtime.kill(name);
    local.state = "exited";
  }
}
