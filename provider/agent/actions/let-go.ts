import { type Context, count, type Subject } from "../context";
import { withLimit } from "./limit";

/** RUNNING means executing within 2 s: a release that takes longer than this has failed, whatever it still waits for. */
const RELEASE_LIMIT_MS = 1_200;

/** What is held or warm executes from here on. Where it does not, the next decision is to restore it once more. */
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
    throw error;
  }
  Object.assign(local, { state: "running", held: null, heldSince: null, heldFor: null, warmMb: null });
  local.stalledSince = null;
  count(context, "restores_total");
}
