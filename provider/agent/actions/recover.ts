import type { Context, Subject } from "../context";
import { usableGeneration } from "../view";
import { restoreIntact } from "./restore";

/**
 * After a crash: the engine is told to restore the copy while the new epoch is recorded and what ended is taken down,
 * and restores it up to its first instruction as soon as both are done. What fails here is tried again, and told, when
 * the new life begins.
 */
export async function recover(
  context: Context,
  { container, local }: Subject,
  { recorded }: { recorded: Promise<{ committed: boolean }> },
): Promise<void> {
  const named = usableGeneration(container);
  if (!named) return;
  const { runtime, log, clock } = context.env;
  const { name } = container;
  const again = recorded.then(({ committed }) => {
    if (!committed) throw new Error("its records changed");
  });
  again.catch(() => {});
  try {
    await runtime.kill(name);
    await restoreIntact(context, { container, local }, { named, mac: "real", again });
    Object.assign(local, { held: { epoch: named.epoch, gen: named.gen }, heldSince: clock.now() });
  } catch (error) {
    log.debug(`${name} was not restored at once: ${(error as Error).message}`);
    await runtime.kill(name);
    local.state = "exited";
  }
}
