import { type HostInfo, keysOf } from "../contract";
import type { Context } from "./context";
import { sessionCompares } from "./ownership";
import { VERSION } from "./version";

/** Free memory is told in steps of this size, so that the record does not change all the time. */
const MEMORY_STEP_MB = 256;
const sent = new WeakMap<Context, string>();
const sending = new WeakSet<Context>();

/**
 * Tells the group about this host, when something changed. Not part of a cycle: a write that waits for a dead endpoint
 * must not make the observer count W anew.
 */
export async function publishInfo(context: Context): Promise<void> {
  if (sending.has(context)) return;
  sending.add(context);
  try {
    await publish(context);
  } finally {
    sending.delete(context);
  }
}

async function publish(context: Context): Promise<void> {
  const { env, me } = context;
  const memory = await env.host.memoryMb();
  const info: HostInfo = {
    version: VERSION,
    copies: Object.fromEntries(
      [...context.locals]
        .filter(([, local]) => local.state !== "absent" || local.busy)
        .map(([name, local]) => [name, local.standing]),
    ),
    warm: Object.fromEntries(
      [...context.locals].flatMap(([name, { state, held, warmMb }]) =>
        state === "warm" && held ? [[name, { ...held, memoryMb: warmMb ?? 0 }]] : [],
      ),
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
