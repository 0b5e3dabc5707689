import {
  type CtlReply,
  type CtlRequest,
  cronFault,
  ctlReplySchema,
  keysOf,
  type PullReply,
  parse,
  type Schedule,
} from "../contract";
import { checkpoint } from "./actions/generations";
import { serveHandover } from "./actions/handover-target";
import { holdNamed } from "./actions/holding";
import { type Context, localOf, track } from "./context";
import { apply, setRule } from "./control/declare";
import { drain } from "./control/drain";
import { migrate } from "./control/migrate";
import { freshView, POLL_MS, Refusal, write } from "./control/support";
import { isLiveMember } from "./input";
import { failover } from "./operator/failover";
import { fenceByOperator } from "./operator/fence";
import { promise } from "./promises";
import { settle } from "./settle";
import { groupStatus } from "./status";
import { emptyContainer, type GroupView } from "./view";

/** How long `remove` waits for every live host to have removed its copy. */
const REMOVE_LIMIT_MS = 60_000;
const CHECKPOINT_LIMIT_MS = 150_000;
/** How long a checkpoint that is asked for waits for one that is under way. */
const IDLE_LIMIT_MS = 60_000;

/** Serves one request of `container-ha ctl`. Never throws: what goes wrong is a reply. */
export async function handleCtl(
  context: Context,
  request: CtlRequest,
  { quorum }: { quorum: boolean },
): Promise<CtlReply> {
  try {
    return { ok: true, result: await serve(context, request, quorum) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code, message: error.message };
    return {
      ok: false,
      code: "failed",
      message: `${request.op} failed on ${context.me.host}: ${(error as Error).message}`,
    };
  }
}

async function serve(context: Context, request: CtlRequest, quorum: boolean): Promise<unknown> {
  switch (request.op) {
    case "status":
      return groupStatus(context, quorum);
    case "pull":
      await context.env.runtime.ensureImage(request);
      return {
        host: context.me.host,
        volumes: await context.env.runtime.imageVolumes(request),
      } satisfies PullReply;
    case "events":
      throw new Refusal("invalid", "events are served by the agent's local API");
    case "apply":
      return apply(context, request.spec);
    case "remove":
      return remove(context, request);
    case "set-schedule":
      return setSchedule(context, request);
    case "unset-schedule":
      return unset(context, { what: "schedule", ...request });
    case "set-rule":
      return setRule(context, request.rule);
    case "unset-rule":
      return unset(context, { what: "rule", ...request });
    case "checkpoint":
      return takeCheckpoint(context, request.name);
    case "failover":
      return failover(context, request);
    case "fetch":
      await holdNamed(context, request.name);
      return { host: context.me.host };
    case "fence":
      return fenceByOperator(context, request);
    case "migrate":
      return migrate(context, request);
    case "drain":
      return drain(context, request);
    case "promise":
      return promise(context, request);
    case "handover":
      await serveHandover(context, request);
      return { host: context.me.host };
  }
}

async function remove(context: Context, { name, stack }: { name: string; stack: string }): Promise<unknown> {
  const keys = keysOf(context.me.group);
  const view = await freshView(context);
  const spec = view.containers.get(name)?.spec;
  if (spec && spec.value.stack !== stack) {
    throw new Refusal("conflict", `container ${name} belongs to stack ${spec.value.stack}, not to ${stack}`);
  }
  if (spec) {
    const compares = [{ key: keys.spec(name), modRevision: spec.rev }];
    const { committed } = await settle(
      context.env,
      { compares, writes: [{ delete: keys.spec(name) }] },
      context.signal,
    );
    if (!committed) throw new Refusal("conflict", `container ${name} was changed meanwhile; try again`);
  }
  context.wake();
  const deadline = context.env.clock.now() + REMOVE_LIMIT_MS;
  for (;;) {
    const left = whoHas(context, await freshView(context), name);
    if (left.length === 0) return { removed: name };
    if (context.env.clock.now() > deadline) {
      throw new Refusal(
        "failed",
        `container ${name} is still being removed on ${left.join(", ")} after ${REMOVE_LIMIT_MS / 1000} s`,
      );
    }
    await context.env.clock.sleep(POLL_MS, context.signal);
  }
}

/** Live hosts that still have a copy, and the record of the owner, where there is one. */
function whoHas(context: Context, view: GroupView, name: string): string[] {
  const live = context.policy.hosts.filter(
    (host) => host.role === "member" && isLiveMember(context, host.name),
  );
  const hosts = live
    .map((host) => host.name)
    .filter((host) => view.hosts.get(host)?.info?.copies[name] !== undefined);
  const own =
    localOf(context, name).state !== "absent" && !hosts.includes(context.me.host) ? [context.me.host] : [];
  return [...hosts, ...own, ...(view.containers.has(name) ? ["the store"] : [])];
}

async function setSchedule(
  context: Context,
  { name, schedule }: { name: string; schedule: Schedule },
): Promise<unknown> {
  const view = await freshView(context);
  const container = view.containers.get(name);
  if (!container?.spec)
    throw new Refusal("not-found", `container ${name} is not protected in group ${context.me.group}`);
  const fault = schedule.cron ? cronFault(schedule.cron) : null;
  if (fault !== null)
    throw new Refusal("invalid", `the schedule of ${name} has no cron expression that can be read: ${fault}`);
  const before = container.schedule;
  if (before && before.value.stack !== schedule.stack) {
    throw new Refusal("conflict", `container ${name} already has a schedule of stack ${before.value.stack}`);
  }
  const key = keysOf(context.me.group).schedule(name);
  await write(context, {
    key,
    rev: before?.rev ?? 0,
    text: before?.text,
    value: JSON.stringify(schedule),
    what: `schedule of ${name}`,
  });
  return { name };
}

async function unset(
  context: Context,
  { what, name, stack }: { what: "schedule" | "rule"; name: string; stack: string },
): Promise<unknown> {
  const view = await freshView(context);
  const keys = keysOf(context.me.group);
  const record = what === "rule" ? view.rules.get(name) : view.containers.get(name)?.schedule;
  if (!record) return { removed: name };
  if (record.value.stack !== stack)
    throw new Refusal("conflict", `${what} ${name} belongs to stack ${record.value.stack}, not to ${stack}`);
  const key = what === "rule" ? keys.rule(name) : keys.schedule(name);
  const { committed } = await settle(
    context.env,
    { compares: [{ key, modRevision: record.rev }], writes: [{ delete: key }] },
    context.signal,
  );
  if (!committed) throw new Refusal("conflict", `${what} ${name} was changed meanwhile; try again`);
  return { removed: name };
}

async function takeCheckpoint(context: Context, name: string): Promise<unknown> {
  const view = await freshView(context);
  const container = view.containers.get(name);
  const owner = container?.owner?.value;
  if (!container?.spec || !owner)
    throw new Refusal("not-found", `container ${name} is not protected in group ${context.me.group}`);
  if (owner.phase !== "RUNNING")
    throw new Refusal("refused", `${name} is ${owner.phase}, not RUNNING: ${owner.reason}`);
  if (owner.host !== context.me.host) {
    const answer = await context.env.net.ask(owner.host, { op: "checkpoint", name }, CHECKPOINT_LIMIT_MS);
    const reply = parse(ctlReplySchema, answer, `the answer of ${owner.host}`);
    if (reply.ok) return reply.result;
    throw new Refusal(reply.code, reply.message);
  }
  const local = localOf(context, name);
  if (local.busy || local.checkpointing || local.probing > 0) {
    // What is under way may have begun before what the caller wants to be in it.
    await untilIdle(context, name);
    return takeCheckpoint(context, name);
  }
  const before = local.lastCheckpoint?.at;
  local.busy = "checkpoint";
  const dumping = checkpoint(context, { container, local }, "asked for").finally(() => {
    local.busy = null;
  });
  track(context, dumping);
  await dumping;
  const deadline = context.env.clock.now() + CHECKPOINT_LIMIT_MS;
  while (local.checkpointing || local.lastCheckpoint?.at === before) {
    if (context.env.clock.now() > deadline)
      throw new Refusal("failed", `the checkpoint of ${name} did not end in time`);
    await context.env.clock.sleep(POLL_MS / 5, context.signal);
  }
  if (!local.lastCheckpoint?.ok) throw new Refusal("failed", local.degraded ?? "the checkpoint failed");
  const { generation } = (await freshView(context)).containers.get(name) ?? emptyContainer(name);
  return generation?.value ?? null;
}

async function untilIdle(context: Context, name: string): Promise<void> {
  const local = localOf(context, name);
  const deadline = context.env.clock.now() + IDLE_LIMIT_MS;
  while (local.busy || local.checkpointing || local.probing > 0) {
    if (context.env.clock.now() > deadline)
      throw new Refusal("refused", `${name} is busy (${local.busy ?? "checkpoint"}); try again`);
    await context.env.clock.sleep(POLL_MS / 5, context.signal);
  }
}
