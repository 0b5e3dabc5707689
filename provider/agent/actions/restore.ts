import { type ContainerSpec, parkedMac, realMac } from "../../contract";
import { type Context, type Local, type Subject, unlessEnded } from "../context";
import { intactGeneration, namedFiles } from "./generations";

/**
 * Restores the named generation and holds it. Its files are hashed while the engine is set up, and nothing of them
 * is read before all are found whole; what is not is fetched anew (safety.md 1.10).
 */
export async function restoreIntact(
  context: Context,
  { container, local }: Subject,
  target: {
    named: Named;
    mac?: "parked" | "real";
    /** Into a copy that has just ended, when this has resolved. */
    again?: Promise<unknown>;
  },
): Promise<void> {
  const { named, mac, again } = target;
  const restored = { container: container.name, spec: container.spec!.value, local, mac };
  const { folder, whole } = await namedFiles(context, container, named);
  const ready = Promise.all([whole, again]);
  // It may reject before it is waited for.
  ready.catch(() => {});
  try {
    return await restoreHeld(context, { ...restored, folder, ready, again: again !== undefined });
  } catch (error) {
    if (await isWhole(whole)) throw error;
  }
  await again;
  const { folder: fetched } = await intactGeneration(context, container, named);
  // The engine had begun.
  local.state = "exited";
  await restoreHeld(context, { ...restored, folder: fetched });
}

function isWhole(hashed: Promise<unknown>): Promise<boolean> {
  return hashed.then(
    () => true,
    () => false,
  );
}

type Named = { epoch: number; gen: number };

/**
 * Restores the generation behind the closed gate and leaves it before its first instruction; under the parked MAC but
 * where this host owns the container already.
 */
async function restoreHeld(
  context: Context,
  target: {
    container: string;
    spec: ContainerSpec;
    local: Local;
    folder: string;
    ready?: Promise<unknown>;
    again?: boolean;
    mac?: "parked" | "real";
  },
): Promise<void> {
  const { container, spec, local, folder, ready, again, mac: kind = "parked" } = target;
  const parked = parkedMac(context.me.group, container, context.me.host);
  const mac = kind === "real" ? realMac(context.me.group, container) : parked;
  if (local.state !== "prepared" && !again) {
    local.mac = "parked";
    await context.syncGate();
    await unlessEnded(context, context.env.runtime.ensureImage(spec.workload));
    await context.env.runtime.prepare({ spec, mac: parked });
  }
  local.mac = kind;
  await context.syncGate();
  await context.env.runtime.restore({ spec, mac, folder, ready, again, hold: true, tcp: "close" });
  local.state = "held";
  local.unreleased = false;
}
