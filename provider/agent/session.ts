import type { Env } from "./env";
import { flapsAfter } from "./hold-down";
import { type Me, sessionTxn } from "./ownership";
import { settle } from "./settle";
import { VERSION } from "./version";
import { createViewReader } from "./view";

/**
 * Continues the session of this boot, or makes a new one (safety.md 1.6). A new session begins only after every
 * container of ours on this host is gone, so that a tombstone for the old one tells the truth.
 */
export async function establishSession(
  env: Env,
  { group, host, intervalMs }: { group: string; host: string; intervalMs: number },
  signal: AbortSignal,
): Promise<{ me: Me; sentence: string }> {
  const bootId = await env.host.bootId();
  const view = createViewReader(group)(await readStore(env, signal));
  const seen = view.hosts.get(host);
  const file = await env.host.readSession();
  const fenced = file !== null && (seen?.fences.has(file.sid) ?? false);
  if (file && file.bootId === bootId && !fenced && seen?.session?.text === file.record) {
    return { me: { group, host, sid: file.sid, record: file.record }, sentence: "continues its session" };
  }
  await untilNoTwin(env, { group, host, intervalMs, bootId }, signal);
  const removed = await removeAllCopies(env);
  const old = seen?.session?.value ?? null;
  // safety: only the machine that ran the old session knows by its own boot that nothing of it can run any more. A
  // replacement under the same name knows nothing of the machine before it.
  const own = old !== null && old.sid === (await env.host.lastSid());
  const rebooted = own && old.bootId !== bootId;
  const flaps = old ? flapsAfter(old, seen?.fences.get(old.sid)?.value ?? null, host) : 0;
  const session = {
    sid: env.host.newSid(),
    bootId,
    started: env.clock.wall(),
    version: VERSION,
    ...(flaps > 0 ? { flaps } : {}),
  };
  // After a reboot standbys need not wait; in every other case they wait W.
  const tombstone = {
    by: host,
    method: rebooted ? ("reboot" as const) : ("operator" as const),
    at: env.clock.wall(),
  };
  const txn = sessionTxn(seen, { group, name: host, session, tombstone });
  const { committed } = await settle(env, txn, signal);
  if (!committed) return establishSession(env, { group, host, intervalMs }, signal);
  const record = JSON.stringify(session);
  await env.host.writeSession({ sid: session.sid, bootId, record });
  const why = rebooted
    ? "the host was restarted"
    : fenced
      ? "the old one was fenced"
      : old !== null && !own
        ? "the old one is of another machine, or this one lost its disk"
        : "there was none to continue";
  const sentence = `begins session ${session.sid.slice(0, 8)}: ${why}${removed.length ? `; removed ${removed.join(", ")}` : ""}`;
  return { me: { group, host, sid: session.sid, record }, sentence };
}

/**
 * safety: a host that was cloned with its identity must not end the session that its twin renews, and say that nothing
 * of it can run. After a true restart nothing renews any more. Where something does, this one waits and says so.
 */
async function untilNoTwin(
  env: Env,
  o: { group: string; host: string; intervalMs: number; bootId: string },
  signal: AbortSignal,
): Promise<void> {
  const readView = createViewReader(o.group);
  let told = false;
  for (;;) {
    const before = readView(await readStore(env, signal)).hosts.get(o.host);
    const session = before?.session?.value;
    // In the same boot the own lease process may be what renews.
    if (!session || session.bootId === o.bootId || before.fences.has(session.sid)) return;
    const renewals: number[] = [before.heartbeat?.rev ?? 0];
    for (let look = 0; look < TWIN_LOOKS; look += 1) {
      await env.clock.sleep(o.intervalMs, signal);
      const rev = readView(await readStore(env, signal)).hosts.get(o.host)?.heartbeat?.rev ?? 0;
      if (rev !== renewals.at(-1)) renewals.push(rev);
      // One may have been under way when the power was cut.
      if (look >= 1 && renewals.length === 1) return;
    }
    if (renewals.length <= 2) return;
    if (!told)
      env.log.event({
        kind: "twin",
        sentence: `another machine renews the session of ${o.host} (${session.sid.slice(0, 8)}): this one has its identity, as a clone has, and starts nothing; take it off the network, or let "pulumi up" make it a host of another name`,
      });
    told = true;
    await env.clock.sleep(TWIN_PAUSE_MS, signal);
  }
}

/** A twin renews about once in each of these looks, which are an interval apart. */
const TWIN_LOOKS = 4;
const TWIN_PAUSE_MS = 1000;

/**
 * Every copy of ours on this host, killed and removed. A copy that was only prepared goes as well: it is cheap. What an
 * engine that does not work keeps of one that is killed can own nothing, and is removed later.
 */
async function removeAllCopies(env: Env): Promise<string[]> {
  const copies = await env.runtime.list();
  await Promise.all(copies.map((copy) => env.runtime.kill(copy.container)));
  await Promise.all(
    copies.map(({ container }) =>
      env.runtime
        .remove(container)
        .catch((error: Error) =>
          env.log.warn(`${container} is killed, but its copy here is not removed yet: ${error.message}`),
        ),
    ),
  );
  return copies.filter((copy) => copy.state !== "prepared").map((copy) => copy.container);
}

/** Reads as often as it takes. Rejects only when `signal` aborts. */
export async function readStore(env: Env, signal: AbortSignal) {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await env.store.read();
    } catch (error) {
      env.log.warn(`cannot read the store yet: ${(error as Error).message}`);
      await env.clock.sleep(500, signal);
    }
  }
}
