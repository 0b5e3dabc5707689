import { type HostInfo, keysOf } from "../contract";
import type { Context } from "./context";
import { sessionCompares } from "./ownership";
import { VERSION } from "./version";

/** Free memory is told in steps of this size, so that the record does not change all the time. */
const MEMORY_STEP_MB = 256;
const sent = new WeakMap<Context, string>();

/** Tells the group about this host, when something changed. */
export async function publishInfo(context: Context): Promise<void> {
  const { env, me } = context;
  const memory = await env.host.memoryMb();
  const info: HostInfo = {
    version: VERSION,
    copies: Object.fromEntries(
      [...context.locals]
        .filter(([, local]) => local.state !== "absent" || local.busy)
        .map(([name, local]) => [name, local.standing]),
    ),
    memoryMb: Math.round(memory / MEMORY_STEP_MB) * MEMORY_STEP_MB,
    certificateUntil: await env.host.certificateUntil(),
    suspects: [...context.suspects].sort(),
  };
  const value = JSON.stringify(info);
  if (sent.get(context) === value) return;
  const outcome = await env.store.txn({
    compares: sessionCompares(me),
    writes: [{ put: keysOf(me.group).info(me.host), value }],
  });
  if (outcome.result === "committed") sent.set(context, value);
}
