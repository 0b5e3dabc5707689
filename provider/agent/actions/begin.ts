import { type Connection, type ContainerSpec, keysOf, parkedMac, realMac } from "../../contract";
import { type Context, count, enter, type Local, type Subject, unlessEnded } from "../context";
import { triesSoFar, untriedHosts } from "../decide";
import { Undumpable, type Write } from "../env";
import { beginAgainTxn, phaseWrites, sessionCompares } from "../ownership";
import { settle } from "../settle";
import { holds } from "../standby";
import { usableGeneration } from "../view";
import { HoldersAway, intactGeneration, namedFiles } from "./generations";

const JOIN_RETRY_MS = 20;
const READ_AGAIN_MS = 20;

/** A trial checkpoint that fails for a reason that may pass is repeated, after this long. */
const TRIALS = 3;
const TRIAL_PAUSE_MS = 500;

/** This host owns the container and its phase is RESTORING: restore or start it, then make it reachable. */
export async function begin(
  context: Context,
  subject: Subject,
  syncGate: () => Promise<void>,
): Promise<string> {
  const { container, local } = subject;
  const owner = container.owner!.value;
  const spec = container.spec!.value;
  enter(context, container.name, local, "RESTORING");
  local.joined = false;
  const startedAt = context.env.clock.now();
  // safety: under the phase before, the gate may have been left open by an earlier agent, or opened again by a lease
  // process that was started meanwhile. What has its parked MAC never was behind an open one.
  if (local.mac !== "parked") await context.env.gate.leave(realMac(context.me.group, container.name));
  try {
    const connections = owner.gen
      ? await restore(context, subject, syncGate)
      : await startCold(context, { subject, spec, syncGate });
    // What it says before the gate is open is dropped, so that it may execute already.
    const steps = [
      open(context, subject, `${owner.reason}; serves again`),
      owner.gen ? letGo(context, subject) : null,
    ] as const;
    // Where one fails, what goes on in the other would meet what is done next.
    await Promise.allSettled(steps);
    const [opened] = await Promise.all(steps);
    if (!opened) return `${container.name}: another owner was recorded while it began; it stays closed`;
    await tellNetwork(context, spec, connections);
  } catch (error) {
    context.signal.throwIfAborted();
    return failed(context, subject, error as Error);
  }
  const took = Math.round(context.env.clock.now() - startedAt);
  const from = owner.gen ? `from generation ${owner.gen.epoch}-${owner.gen.gen}` : "cold";
  const sentence = `${container.name} serves on ${context.me.host} at epoch ${owner.epoch}, begun ${from} in ${took} ms: ${owner.reason}`;
  context.env.log.event({ kind: "serve", container: container.name, sentence });
  return sentence;
}

/** It serves already: whoever hears nothing of it finds out by himself, only later. */
export async function tellNetwork(
  context: Context,
  spec: ContainerSpec,
  connections: Connection[] = [],
): Promise<void> {
  const { runtime, log } = context.env;
  const mac = realMac(context.me.group, spec.name);
  try {
    await Promise.all([
      runtime.announce({ spec, mac }),
      connections.length > 0 ? runtime.tickle({ spec, mac, connections }) : null,
    ]);
  } catch (error) {
    log.warn(`${spec.name} serves, but the network could not be told of it: ${(error as Error).message}`);
  }
}

async function restore(
  context: Context,
  { container, local }: Subject,
  syncGate: () => Promise<void>,
): Promise<Connection[]> {
  const { runtime } = context.env;
  const named = container.owner!.value.gen!;
  // What is held or warm was verified when it was restored: after the fence nothing depends on the memory's size.
  if (!holds(local, named)) {
    await restoreIntact(context, { container, local }, { named, syncGate });
  }
  if (local.mac !== "real") {
    local.mac = "real";
    await syncGate();
    await runtime.setMac(container.name, realMac(context.me.group, container.name));
  }
  return connectionsIn(context, container.name, named);
}

/** What is held or warm executes from here on. */
async function letGo(context: Context, { container, local }: Subject): Promise<void> {
  const { runtime } = context.env;
  if (local.state === "warm") await runtime.thaw(container.name, "warm");
  else await runtime.release(container.name);
  Object.assign(local, { state: "running", held: null, heldSince: null, warmMb: null });
  count(context, "restores_total");
}

/** Clients that were connected when the generation was taken. */
function connectionsIn(
  context: Context,
  container: string,
  { epoch, gen }: { epoch: number; gen: number },
): Connection[] {
  const stored = context.stored.get(container) ?? [];
  return stored.find((manifest) => manifest.epoch === epoch && manifest.gen === gen)?.connections ?? [];
}

/**
 * Restores the named generation and holds it. Its files are hashed while the engine is set up, and nothing of them
 * is read before all are found whole; what is not is fetched anew (safety.md 1.10).
 */
export async function restoreIntact(
  context: Context,
  { container, local }: Subject,
  target: {
    named: Named;
    syncGate: () => Promise<void>;
    mac?: "parked" | "real";
    /** Into a copy that has just ended, when this has resolved. */
    again?: Promise<unknown>;
  },
): Promise<void> {
  const { named, syncGate, mac, again } = target;
  const restored = { container: container.name, spec: container.spec!.value, local, syncGate, mac };
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
    syncGate: () => Promise<void>;
    mac?: "parked" | "real";
  },
): Promise<void> {
  const { container, spec, local, folder, ready, again, syncGate, mac: kind = "parked" } = target;
  const parked = parkedMac(context.me.group, container, context.me.host);
  const mac = kind === "real" ? realMac(context.me.group, container) : parked;
  if (local.state !== "prepared" && !again) {
    local.mac = "parked";
    await syncGate();
    await context.env.runtime.prepare({ spec, mac: parked });
  }
  local.mac = kind;
  await syncGate();
  await context.env.runtime.restore({ spec, mac, folder, ready, again, hold: true, tcp: "close" });
  local.state = "held";
}

async function startCold(
  context: Context,
  { subject, spec, syncGate }: { subject: Subject; spec: ContainerSpec; syncGate: () => Promise<void> },
): Promise<Connection[]> {
  const { runtime } = context.env;
  const { local } = subject;
  const mac = realMac(context.me.group, spec.name);
  local.mac = "real";
  await syncGate();
  await unlessEnded(context, runtime.ensureImage(spec.workload));
  await runtime.start({ spec, mac });
  local.state = "running";
  await untilHealthy(context, spec);
  await trialCheckpoint(context, subject);
  return [];
}

/** Waits for the application behind the closed gate, as long as its probes' start period allows. */
async function untilHealthy(context: Context, spec: ContainerSpec): Promise<void> {
  const mac = realMac(context.me.group, spec.name);
  for (const probe of spec.probes) {
    const deadline = context.env.clock.now() + probe.startPeriod * 1000 + probe.timeout * 1000;
    for (;;) {
      const fault = await context.env.runtime.probe({ spec, mac, probe });
      if (fault === null) break;
      const { state, detail } = await context.env.runtime.inspect(spec.name);
      if (state !== "running") throw new Error(`it ${detail ?? `is ${state}`} right after its start`);
      if (context.env.clock.now() >= deadline)
        throw new Error(`its probe fails after the start period: ${fault}`);
      await context.env.clock.sleep(100, context.signal);
    }
  }
}

/** Admission: what cannot be dumped is refused now, not when it is needed. */
async function trialCheckpoint(context: Context, subject: Subject): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const fault = await faultOfTrial(context, subject);
    if (fault === null) return;
    const { message } = fault;
    if (fault instanceof Undumpable && (attempt === TRIALS || !fault.mayPass))
      throw new Undumpable(`it cannot be checkpointed: ${message}`);
    if (attempt === TRIALS) throw new Error(`its trial checkpoint failed ${TRIALS} times: ${message}`);
    context.env.log.warn(`${subject.container.name}: its trial checkpoint is repeated: ${message}`);
    await context.env.clock.sleep(TRIAL_PAUSE_MS, context.signal);
  }
}

/** Why it could not be dumped; null: it can be. Throws when it ended. */
async function faultOfTrial(context: Context, { container }: Subject): Promise<Error | null> {
  const trial = { container: container.name, epoch: container.owner!.value.epoch, gen: 0 };
  const folder = await context.env.disk.begin(trial);
  try {
    await context.env.runtime.dump({ container: container.name, folder });
    return null;
  } catch (error) {
    const { state, detail } = await context.env.runtime.inspect(container.name);
    if (state !== "running") throw new Error(`it ${detail ?? `is ${state}`} right after its start`);
    return error as Error;
  } finally {
    await context.env.disk.remove(trial);
  }
}

/**
 * Commits phase RUNNING, and what belongs to it, with the renewal whose ack opens the gate. False: another owner is
 * recorded.
 */
export async function open(
  context: Context,
  { container, local }: Subject,
  reason: string,
  more: Write[] = [],
): Promise<boolean> {
  const mac = realMac(context.me.group, container.name);
  const change = phaseWrites(context.me, container, { phase: "RUNNING", reason }, context.env.clock.wall());
  const key = keysOf(context.me.group).owner(container.name);
  const written = change.writes[0] as { put: string; value: string };
  let join = { container: container.name, mac, ...change, writes: [...change.writes, ...more] };
  for (;;) {
    context.signal.throwIfAborted();
    // A lease process that no agent speaks to answers no join, and the next session waits for the end of this action.
    const outcome = await unlessEnded(context, context.env.gate.join(join));
    if (outcome.result === "committed") break;
    // Without a reply nothing is known, and this host may still be the owner: it goes on asking.
    const stored = outcome.result === "refused" ? await context.env.store.read().catch(() => null) : null;
    if (stored?.get(key)?.value === written.value) {
      // An attempt without a reply had committed the phase; only the gate is still to be opened.
      const compares = [{ key, value: written.value }];
      join = { container: container.name, mac, compares, writes: [] };
    } else if (stored && stored.get(key)?.modRevision !== container.owner!.rev) {
      return false;
    }
    await context.env.clock.sleep(JOIN_RETRY_MS, context.signal);
  }
  nowRunning(context, { container, local });
  local.runningSince = context.env.clock.now();
  local.unhealthy = null;
  return true;
}

/** The record says RUNNING and it is this host's, but the gate is not open: after a restart, a lapse, a repair. */
export async function rejoin(context: Context, subject: Subject): Promise<string> {
  const { name, spec } = subject.container;
  if (!(await reopen(context, subject))) return `${name}: the gate could not be opened again yet`;
  await tellNetwork(context, spec!.value);
  return `${name}: its gate is open again`;
}

/** Opens the gate while the owner record is the one that was read. False: not yet. */
export async function reopen(context: Context, { container, local }: Subject): Promise<boolean> {
  const joined = context.env.gate.join({
    container: container.name,
    mac: realMac(context.me.group, container.name),
    compares: [{ key: keysOf(context.me.group).owner(container.name), modRevision: container.owner!.rev }],
    writes: [],
  });
  const outcome = await unlessEnded(context, joined);
  if (outcome.result !== "committed") {
    await context.env.clock.sleep(JOIN_RETRY_MS, context.signal);
    return false;
  }
  nowRunning(context, { container, local });
  local.runningSince ??= context.env.clock.now();
  return true;
}

function nowRunning(context: Context, { container, local }: Subject): void {
  local.joined = true;
  enter(context, container.name, local, "RUNNING");
}

async function failed(context: Context, subject: Subject, error: Error): Promise<string> {
  const { container, local } = subject;
  const spec = container.spec!.value;
  const reason = `${context.me.host} could not begin it: ${error.message}`;
  context.env.log.event({
    kind: "begin-failed",
    container: container.name,
    sentence: `${container.name}: ${reason}`,
  });
  const tries = triesSoFar(container, local, context.env.clock.now()) + 1;
  // It must not be accepted, on any host.
  if (error instanceof Undumpable) {
    await end(context, subject, { phase: "FAILED", reason: error.message });
    return `${container.name} failed: ${error.message}`;
  }
  if (tries >= spec.onFailure.tries) {
    // Whoever has its memory and is away has not failed, whatever was tried there before.
    return giveUp(context, subject, reason, error instanceof HoldersAway ? error.hosts : []);
  }
  await context.env.gate.leave(realMac(context.me.group, container.name));
  await context.env.runtime.remove(container.name);
  local.state = "absent";
  local.mac = null;
  const cold = usableGeneration(container) === null;
  const txn = beginAgainTxn(context.me, container, { cold, tries, at: context.env.clock.wall(), reason });
  const { committed } = await settle(context.env, txn, context.signal);
  // A cycle that read the record before would try once more under that.
  while (committed && context.view.containers.get(container.name)?.owner?.rev === container.owner!.rev) {
    context.wake();
    await context.env.clock.sleep(READ_AGAIN_MS, context.signal);
    context.signal.throwIfAborted();
  }
  return `${container.name}: ${reason}; tries again`;
}

/** Lets another host take it, those of `mayReturn` in any case; when none is left that has not tried, it has failed. */
export async function giveUp(
  context: Context,
  subject: Subject,
  reason: string,
  mayReturn: string[] = [],
): Promise<string> {
  const { container } = subject;
  const owner = container.owner!.value;
  const tried = new Set([...owner.triedHosts, context.me.host]);
  const triedHosts = [...tried].filter((host) => !mayReturn.includes(host));
  const takers = untriedHosts(container, triedHosts);
  const phase = takers.length > 0 ? "STOPPED" : "FAILED";
  await end(context, subject, { phase, reason, triedHosts });
  const next = takers.length > 0 ? `${takers.join(" or ")} may take it` : "no host is left to try";
  return `${container.name} was given up by ${context.me.host}: ${reason}; ${next}`;
}

/** Stops it here, so that the host that an operator wants can take it. */
export async function yieldTo(
  context: Context,
  subject: Subject,
  { to, reason }: { to: string; reason: string },
): Promise<void> {
  await end(context, subject, { phase: "STOPPED", reason, failoverTo: to });
}

async function end(
  context: Context,
  { container, local }: Subject,
  change: { phase: "STOPPED" | "FAILED"; reason: string; triedHosts?: string[]; failoverTo?: string },
): Promise<void> {
  const { env, me } = context;
  await env.gate.leave(realMac(me.group, container.name));
  local.joined = false;
  await env.runtime.remove(container.name);
  local.state = "absent";
  local.mac = null;
  enter(context, container.name, local, "ABSENT");
  const txn = phaseWrites(me, container, change, env.clock.wall());
  await settle(env, { ...txn, compares: [...txn.compares, ...sessionCompares(me)] }, context.signal);
  const kind = change.phase === "FAILED" ? "failed" : "give-up";
  env.log.event({
    kind,
    container: container.name,
    sentence: `${container.name} is ${change.phase}: ${change.reason}`,
  });
}
