import { type Context, count, type Subject } from "../context";
import { withLimit } from "./limit";

/** RUNNING means executing within 2 s: a release that takes longer than this has failed, whatever it still waits for. */
const RELEASE_LIMIT_MS = 1_200;

/** What is held or warm executes from here on. Where it does not it is ended, and restored once more. */
export async function letGo(context: Context, { container, local }: Subject): Promise<void> {
  const { runtime } = context.env;
  const { name } = container;
  const released = local.state === "warm" ? runtime.thaw(name, "warm") : runtime.release(name);
  // It may reject after its limit.
  released.catch(() => {});
  try {
    await withLimit(context, released, RELEASE_LIMIT_MS, "releasing it");
  } catch (error) {
    local.unreleased = true;
    local.stalledSince ??= context.env.clock.wall();
    // What a release still waits for ends with the copy, and nothing else may be done with that before.
    await runtime.kill(name);
    local.state = "exited";
    await released.catch(() => {});
    throw error;
  }
  Object.assign(local, { state: "running", held: null, heldSince: null, heldFor: null, warmMb: null });
  local.stalledSince = null;
  count(context, "restores_total");
}
