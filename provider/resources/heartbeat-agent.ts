import { z } from "zod";
import { removeAgent } from "../commands/agent-removal";
import { currentApp } from "../commands/agent-units";
import { agentConfigSchema, type InputFault, nameSchema } from "../contract";
import { groupStatus, handleSecrets, statusIfAny } from "../control";
import { HostUnreachable, UserError } from "../errors";
import { groupHandleSchema } from "../group-handle";
import { readInstalled } from "../release/install";
import { release } from "../release/release";
import { type Context, defineResource } from "../resource";
import { withHost } from "../ssh/session";
import { untilLive } from "./agent-live";
import { type AgentPlan, prepareAgent, switchAgent } from "./agent-setup";
import { withEarlyCheck } from "./early-check";
import { oneAtATime, waitForOthers } from "./rolling";
import { namesOf, servedContainers } from "./serving";
import { removeOrGiveUp } from "./unreachable";

const inputs = z.strictObject({
  /** The resource's name, for messages. */
  name: z.string(),
  /** Name of the host; its connection is in the handle. */
  host: nameSchema,
  group: nameSchema,
  handle: groupHandleSchema,
  logLevel: agentConfigSchema.shape.logLevel,
  metricsPort: agentConfigSchema.shape.metricsPort,
  deleteUnreachable: z.boolean().default(false),
});
type Inputs = z.infer<typeof inputs>;

const outputs = z.object({
  /** Hash of what is installed: runtime and bundles. Empty: nothing. */
  release: z.string(),
  version: z.string(),
  /** Whether the lease runs with real-time priority. */
  realtime: z.boolean(),
  /** live, suspect, dead, absent; unknown where no member answered. */
  state: z.string(),
});
type Outputs = z.infer<typeof outputs>;

const definition = defineResource({
  kind: "HeartbeatAgent",
  inputs,
  outputs,
  id: ({ group, host }) => `${group}/${host}`,
  replaceOn: ["host", "group"],
  partOf: "group",
  secretInputs: ["handle"],
  secrets: ({ handle }) => handleSecrets(handle),
  check: membership,
  outdated: ({ outputs: { release: installed } }) => installed !== release().hash,
  apply: ({ inputs, context }) => apply(inputs, context),
  read: ({ inputs, stored, context }) => read(inputs, stored.outputs, context),
  remove: ({ inputs, context }) => remove(inputs, context),
});

export const heartbeatAgentHandlers = withEarlyCheck(definition, { inputs });

function membership({ host, handle }: Inputs): InputFault[] {
  const declared = handle.policy.hosts.find(({ name }) => name === host);
  if (!declared) {
    const names = handle.policy.hosts.map(({ name }) => name).join(", ");
    return [{ path: "host", message: `expected a host of group ${handle.group} (${names}), got "${host}"` }];
  }
  if (declared.role === "member") return [];
  return [
    {
      path: "host",
      message: `${host} is a witness of group ${handle.group}: it runs etcd and needs no agent`,
    },
  ];
}

function memberOf({ host, handle }: Pick<Inputs, "host" | "handle">) {
  const member = handle.members.find(({ name }) => name === host);
  if (!member) throw new UserError(`group ${handle.group} has no member ${host}`);
  return member;
}

function apply(inputs: Inputs, context: Context<Outputs>): Promise<Outputs> {
  const { handle, logLevel, metricsPort } = inputs;
  const member = memberOf(inputs);
  return withHost(member.connection, async (host) => {
    const { log, signal } = context;
    const plan: AgentPlan = { host, release: release(), config: { logLevel, metricsPort }, log };
    const prepared = await prepareAgent(plan);
    const { hash, version } = plan.release;
    const reached = { release: hash, version, realtime: prepared.realtime };
    if (!prepared.realtime)
      log("warning: this host refuses real-time priority; the lease runs at a high nice level");
    if (!prepared.complete) {
      context.keep({ ...reached, state: "unknown" });
      const turn = async () => {
        if (prepared.running) {
          const status = () => groupStatus(handle, { signal });
          await waitForOthers({ host: inputs.host, status, log, signal });
        }
        await switchAgent(plan, prepared);
        await untilLive({ host, member, version, log, signal });
      };
      // A first start takes nothing away; a replacement is one host at a time.
      await (prepared.running ? oneAtATime(handle.group, turn) : turn());
    } else {
      await untilLive({ host, member, version, log, signal });
    }
    return { ...reached, state: "live" };
  });
}

async function read(inputs: Inputs, stored: Partial<Outputs>, context: Context<Outputs>): Promise<Outputs> {
  const known = { release: "", version: "", realtime: false, ...stored };
  const state = await stateInGroup(inputs);
  try {
    const installed = await withHost(memberOf(inputs).connection, (host) => readInstalled(host, currentApp), {
      deadlineMs: 10_000,
    });
    return { ...known, release: installed?.hash ?? "", version: installed?.version ?? "", state };
  } catch (error) {
    // A dead host must not block the refresh of what runs elsewhere; it is never taken for gone.
    if (!(error instanceof HostUnreachable)) throw error;
    context.log(`warning: ${error.message} What is known of its agent is kept.`);
    return { ...known, state };
  }
}

async function stateInGroup({ host, handle }: Inputs): Promise<string> {
  const status = await statusIfAny(handle);
  return status?.hosts.find(({ name }) => name === host)?.state ?? "unknown";
}

function remove(inputs: Inputs, context: Context<Outputs>): Promise<void> {
  const { log } = context;
  const what = `the agent of ${inputs.host}`;
  return removeOrGiveUp({
    allowed: inputs.deleteUnreachable,
    what,
    log,
    remove: async () => {
      await refuseWhileItServes(inputs);
      await withHost(
        memberOf(inputs).connection,
        (host) => host.script(removeAgent, { label: "remove the agent", timeoutMs: 180_000 }),
        { deadlineMs: 30_000 },
      );
    },
  });
}

/** safety: deleting the agent kills the containers of its host; those that serve are deleted by their own resources. */
async function refuseWhileItServes({ host, handle }: Inputs): Promise<void> {
  const here = servedContainers(await statusIfAny(handle)).filter(({ primary }) => primary === host);
  if (here.length === 0) return;
  throw new UserError(
    `the agent of ${host} was not removed: ${namesOf(here)} runs there. Delete what protects it first, or move it away.`,
  );
}
