import { type HandoverRequest, keysOf, parkedMac, realMac } from "../../contract";
import { type Context, enter, localOf, type Subject, track, unlessEnded } from "../context";
import { handoverStage } from "../decide-handover";
import { giveBackTxn } from "../handover-txns";
import { settle } from "../settle";
import { type ContainerView, createViewReader, sessionHolds } from "../view";
import { letGo } from "./let-go";
import { unlessSuspected } from "./limit";
import { open, tellNetwork } from "./open";
import { beginAgain } from "./own";
import { prepare } from "./standby";

const ARRIVE_LIMIT_MS = 15_000;
const IDLE_LIMIT_MS = 20_000;
const SEEN_LIMIT_MS = 5_000;
const POLL_MS = 10;

/** What a source asks of its target before the point of no return: M1 and M3 of safety.md 1.11. */
export async function serveHandover(context: Context, request: HandoverRequest): Promise<void> {
  context.signal.throwIfAborted();
  const serving = serveStep(context, request);
  // The next session removes every copy, and must not meet what this one still does with one.
  track(context, serving);
  await serving;
}

async function serveStep(context: Context, request: HandoverRequest): Promise<void> {
  const { env, me } = context;
  const { step } = request;
  const container = await movingHere(context, request);
  const local = localOf(context, request.name);
  await untilIdle(context, request.name);
  local.busy = "handover";
  try {
    await untilSeen(context, request);
    if (step.do === "prepare") await prepare(context, { container, local });
    else
      await restoreMoved(context, { container, local }, { id: request.id, epoch: step.epoch, gen: step.gen });
  } catch (error) {
    const copy = await env.runtime.inspect(request.name).catch(() => null);
    if (copy) local.state = copy.state;
    throw new Error(`${me.host} could not ${step.do} it: ${(error as Error).message}`);
  } finally {
    local.busy = null;
    context.wake();
  }
}

async function movingHere(context: Context, { name, id }: HandoverRequest): Promise<ContainerView> {
  const { me, env } = context;
  if (context.lapsed) throw new Error(`${me.host} does not renew its lease`);
  const container = createViewReader(me.group)(await env.store.read()).containers.get(name);
  const migration = container?.migration?.value;
  const isMine = migration?.id === id && migration.to === me.host && migration.toSid === me.sid;
  if (!container?.spec || !isMine || handoverStage(container) !== "before")
    throw new Error(`${me.host} knows of no handover ${id} of ${name} to it`);
  return container;
}

async function untilIdle(context: Context, name: string): Promise<void> {
  const deadline = context.env.clock.now() + IDLE_LIMIT_MS;
  for (let busy = localOf(context, name).busy; busy !== null; busy = localOf(context, name).busy) {
    if (context.env.clock.now() > deadline)
      throw new Error(`${context.me.host} is busy with ${name}: ${busy}`);
    await context.env.clock.sleep(POLL_MS, context.signal);
    context.signal.throwIfAborted();
  }
}

/** Until the cycles know of the handover: with older records they would remove the copy of a host that is no standby. */
async function untilSeen(context: Context, { name, id }: HandoverRequest): Promise<void> {
  const deadline = context.env.clock.now() + SEEN_LIMIT_MS;
  while (context.view.containers.get(name)?.migration?.value.id !== id) {
    if (context.env.clock.now() > deadline)
      throw new Error(`${context.me.host} does not read of handover ${id}`);
    context.wake();
    await context.env.clock.sleep(POLL_MS, context.signal);
    context.signal.throwIfAborted();
  }
}

/** Behind the closed gate, under the parked MAC, before its next instruction. */
async function restoreMoved(
  context: Context,
  { container, local }: Subject,
  { id, epoch, gen }: { id: string; epoch: number; gen: number },
): Promise<void> {
  const { env, me } = context;
  const { name } = container;
  const reference = { container: name, epoch, gen };
  try {
    // A source that is dead sends no more, and what this host does after its fence must not wait for that.
    const { from } = container.migration!.value;
    const arriving = unlessSuspected(context, from, env.disk.arriving(reference, ARRIVE_LIMIT_MS));
    const { folder, complete } = await unlessEnded(context, arriving);
    // It goes when the source is suspected, which may be slow and not dead.
    if (local.state !== "prepared")
      throw new Error("the copy that was prepared for it is not there any more");
    const mac = parkedMac(me.group, name, me.host);
    await env.runtime.restore({
      spec: container.spec!.value,
      mac,
      folder,
      ready: unlessSuspected(context, from, complete),
      hold: true,
      tcp: "established",
    });
  } finally {
    void env.disk.remove(reference).catch(() => {});
  }
  const now = env.clock.now();
  // No generation is held: after a rollback another one may get the number of this.
  Object.assign(local, { state: "held", held: null, heldFor: id, heldSince: now, unreleased: false });
  enter(context, name, local, "HELD");
}

/** M5: this host owns it and holds what was moved: the real MAC, phase RUNNING and the gate, then its next instruction. */
export async function take(context: Context, subject: Subject): Promise<string> {
  const { env, me } = context;
  const { container, local } = subject;
  const { name } = container;
  const { reason } = container.owner!.value;
  enter(context, name, local, "RESTORING");
  try {
    local.mac = "real";
    await context.syncGate();
    await env.runtime.setMac(name, realMac(me.group, name));
    const copy = await env.runtime.inspect(name);
    if (copy.state !== "held") throw new Error(`the copy ended: ${copy.detail ?? copy.state}`);
  } catch (error) {
    context.signal.throwIfAborted();
    return giveBack(context, subject, (error as Error).message);
  }
  const ended = [{ delete: keysOf(me.group).migration(name) }];
  if (!(await open(context, subject, reason, ended)))
    return `${name}: it was taken back before it ran on ${me.host}`;
  return release(context, subject);
}

/** Its gate is open, and what it says first is not dropped: that would be said again only after a second. */
export async function release(context: Context, { container, local }: Subject): Promise<string> {
  const { env, me } = context;
  const { name } = container;
  const { epoch, reason } = container.owner!.value;
  await letGo(context, { container, local });
  await tellNetwork(context, container.spec!.value);
  const sentence = `${name} serves on ${me.host} at epoch ${epoch}: ${reason}`;
  env.log.event({ kind: "serve", container: name, sentence });
  return sentence;
}

/** The source goes on with its frozen copy; where its session has ended, the named generation begins here. */
export async function giveBack(context: Context, subject: Subject, because: string): Promise<string> {
  const { env, me, view } = context;
  const { container } = subject;
  const { from, fromSid } = container.migration!.value;
  const reason = `given back by ${me.host}: ${because}`;
  if (!sessionHolds(view, from, fromSid))
    return beginAgain(context, subject, { cold: false, because: reason });
  const source = view.hosts.get(from)!;
  const txn = giveBackTxn(me, container, { source, at: env.clock.wall(), reason });
  const { committed } = await settle(env, txn, context.signal);
  if (!committed) return `${container.name}: ${from} took it back, or cannot go on`;
  const sentence = `${container.name} is ${reason}`;
  env.log.event({ kind: "handover-failed", container: container.name, sentence });
  return sentence;
}
