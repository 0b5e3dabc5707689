import { type HostInfo, keysOf } from "../contract";
import type { Context } from "./context";
import { sessionCompares } from "./ownership";
import { stalledHere } from "./stalled";
import { VERSION } from "./version";

/** Free memory is told in steps of this size, so that the record does not change all the time. */
const MEMORY_STEP_MB = 256;
/** What changes slowly is looked up this often. */
const SLOW_MS = 10_000;
const sent = new WeakMap<Context, string>();
const slow = new WeakMap<Context, { at: number; facts: SlowFacts }>();
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
  const facts = await slowFacts(context);
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
    stalled: Object.fromEntries(
      [...context.locals].flatMap(([name, local]) => {
        const stalled = stalledHere(local);
        return stalled ? [[name, stalled]] : [];
      }),
    ),
    ...facts,
    suspects: [...context.suspects].sort(),
    ...(context.engineFaults.size > 0 ? { engines: Object.fromEntries(context.engineFaults) } : {}),
  };
  const value = JSON.stringify(info);
  if (sent.get(context) === value) return;
  const outcome = await env.store.txn({
    compares: sessionCompares(me),
    writes: [{ put: keysOf(me.group).info(me.host), value }],
  });
  if (outcome.result === "committed") sent.set(context, value);
}

type SlowFacts = Pick<HostInfo, "memoryMb" | "certificateUntil">;

async function slowFacts(context: Context): Promise<SlowFacts> {
  const { clock, host } = context.env;
  const known = slow.get(context);
  if (known && clock.now() - known.at < SLOW_MS) return known.facts;
  const memory = await host.memoryMb();
  const facts = {
    memoryMb: Math.round(memory / MEMORY_STEP_MB) * MEMORY_STEP_MB,
    certificateUntil: await host.certificateUntil(),
  };
  slow.set(context, { at: clock.now(), facts });
  return facts;
}
