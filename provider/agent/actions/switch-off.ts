import { type FenceIntent, keysOf } from "../../contract";
import { type Context, count } from "../context";
import { mayFenceForSilence } from "../failover-policy";
import { fenceIntentTxn, fenceTxn } from "../ownership";
import { settle } from "../settle";
import { fencingCommand, type Shot } from "../stonith";
import { createViewReader } from "../view";

/** After a command that failed the next one waits this long, here and by whoever takes over the intent. */
const RETRY_MS = 10_000;

/**
 * Returns a function that is called in every cycle with the hosts to be switched off. Each command runs beside the
 * cycles; W goes on meanwhile, and a fence for silence does not wait for it. It is not among the session's actions: a
 * command that hangs must not keep the next session from beginning, and its fence is refused to a session that ended.
 */
export function createSwitch(context: Context): (shots: Shot[]) => void {
  const busy = new Set<string>();
  const notBefore = new Map<string, number>();
  return (shots) => {
    for (const shot of shots) {
      if (busy.has(shot.host) || context.env.clock.now() < (notBefore.get(shot.host) ?? 0)) continue;
      busy.add(shot.host);
      context.promises.ending.add(shot.host);
      void switchOff(context, shot)
        .catch((error: Error) => fail(context, shot, error.message))
        .then((isOff) => {
          busy.delete(shot.host);
          context.promises.ending.delete(shot.host);
          if (!isOff) notBefore.set(shot.host, context.env.clock.now() + RETRY_MS);
          context.wake();
        });
    }
  };
}

/** Whether the host is off and fenced. */
async function switchOff(context: Context, shot: Shot): Promise<boolean> {
  const { env, me, policy } = context;
  const target = context.view.hosts.get(shot.host)!;
  const intent: FenceIntent = { by: me.host, sid: me.sid, at: env.clock.wall() };
  const { committed } = await settle(env, fenceIntentTxn(me, target, shot.rev, intent), context.signal);
  if (!committed) return false;
  env.log.event({ kind: "stonith", sentence: `${me.host} switches ${shot.host} off: ${shot.because}` });
  const host = policy.hosts.find((one) => one.name === shot.host)!;
  await env.fencing.switchOff(fencingCommand(policy.fencing!, host));
  context.signal.throwIfAborted();
  const record = { by: me.host, method: "stonith" as const, at: env.clock.wall() };
  // safety: a host that has renewed since is not off, whatever the command says.
  const fenced = await settle(env, fenceTxn(me, target, shot.rev, record), context.signal);
  if (fenced.committed) {
    count(context, "fences_total");
    const sentence = `${shot.host} is fenced by ${me.host}: the fencing command has switched it off`;
    env.log.event({ kind: "fence", sentence });
    return true;
  }
  const now = createViewReader(me.group)(await env.store.read());
  if (now.hosts.get(shot.host)?.fences.has(shot.sid)) return true;
  throw new Error("it says that the host is off, but that has renewed its lease since");
}

async function fail(context: Context, shot: Shot, why: string): Promise<false> {
  if (context.signal.aborted) return false;
  const { env, policy } = context;
  const next = mayFenceForSilence(policy)
    ? `${shot.host} is fenced when its silence has lasted ${policy.timing.fenceMs} ms`
    : `no other proof is accepted, so it is tried again; "container-ha fence ${shot.host} --confirmed-off" when you have switched it off`;
  const sentence = `the fencing command did not switch ${shot.host} off: ${why}; ${next}`;
  env.log.event({ kind: "stonith-failed", sentence });
  await withdraw(context, shot).catch((error: Error) => {
    if (!context.signal.aborted)
      env.log.debug(`the intent to switch ${shot.host} off stays: ${error.message}`);
  });
  return false;
}

/** Another host may have more luck. Left behind, the intent would only be this host's to try again. */
async function withdraw({ env, me }: Context, { host, sid }: Shot): Promise<void> {
  const key = keysOf(me.group).fenceIntent(host, sid);
  const mine = createViewReader(me.group)(await env.store.read())
    .hosts.get(host)
    ?.intents.get(sid);
  if (mine?.value.sid === me.sid)
    await env.store.txn({ compares: [{ key, modRevision: mine.rev }], writes: [{ delete: key }] });
}
