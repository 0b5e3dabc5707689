import { z } from "zod";
import {
  type ContainerStatus,
  type CtlRequest,
  lastFailoverSchema,
  movedSchema,
  parse,
  specDigest,
} from "../contract";
import { askGroup, groupStatus, handleSecrets } from "../control";
import { UserError } from "../errors";
import { type Context, defineResource, type Handlers } from "../resource";
import { coldStartText, coldStartWarning } from "./container-cold-start";
import { ensureImages } from "./container-images";
import { moveNotice } from "./container-move";
import { containerFaults } from "./container-rules";
import { type ContainerInputs, containerInputs, specFor } from "./container-spec";
import { ContainerFailed, declareContainer, untilMembers, untilProtected } from "./container-watch";
import { withEarlyCheck } from "./early-check";
import { removeOrGiveUp } from "./unreachable";

/** What happened at run time: never compared, so a failover causes no change in a plan. */
const outputs = z.object({
  phase: z.string(),
  primary: z.string().nullable(),
  epoch: z.number(),
  generation: z.object({ gen: z.number(), epoch: z.number() }).nullable(),
  standbyHosts: z.array(z.string()),
  lastFailover: lastFailoverSchema.nullable(),
});
type Outputs = z.infer<typeof outputs>;

const definition = defineResource({
  kind: "ProtectedContainer",
  inputs: containerInputs,
  outputs,
  id: ({ group, name }) => `${group}/${name}`,
  replaceOn: ["name", "group", "stack"],
  partOf: "group",
  secretInputs: ["handle", "envs"],
  secrets: ({ handle, envs, envsAreSecret }) => [
    ...handleSecrets(handle),
    ...(envsAreSecret ? envs.map((text) => text.slice(text.indexOf("=") + 1)) : []),
  ],
  check: containerFaults,
  desired: ({ hosts: _hosts, subnet: _subnet, coldStart: _coldStart, image, ...desired }) => ({
    ...desired,
    image: typeof image === "string" ? image : image.sha256,
  }),
  async apply({ inputs, stored, context }) {
    const outcome = await apply(inputs, context);
    return stored && stored.inputs.preferredHost !== inputs.preferredHost
      ? moveToPreferred(inputs, outcome, context)
      : outcome;
  },
  read: ({ inputs }) => read(inputs),
  remove: ({ inputs, context }) => remove(inputs, context),
});

const checked = withEarlyCheck(definition, {
  inputs: containerInputs,
  faults: containerFaults,
  derive: (known) => ({ coldStart: coldStartText(known) }),
});

export const protectedContainerHandlers: Handlers = {
  ...checked,
  async diff(id, olds, news) {
    for (const line of [coldStartWarning(olds, news), moveNotice(olds, news)]) if (line) console.log(line);
    return checked.diff(id, olds, news);
  },
};

async function apply(inputs: ContainerInputs, context: Context<Outputs>): Promise<Outputs> {
  const { handle, name, standbys } = inputs;
  const { log, signal } = context;
  const needed = Array.isArray(standbys) ? standbys.length : standbys;
  const status = await untilMembers({ handle, log, signal, least: Math.min(2, needed + 1) });
  const before = status.containers.find((container) => container.name === name);
  const live = status.hosts.filter(({ role, state }) => role === "member" && state === "live");
  await ensureImages({ inputs, hosts: live.map((host) => host.name), log });

  const spec = specFor(inputs, before);
  const digest = specDigest(spec);
  const beginsAnew = before?.specDigest !== digest;
  if (before && beginsAnew) log("cold start under a new epoch: the workload changed");
  const request: CtlRequest = { op: "apply", spec };
  await declareContainer({ handle, log, signal, request });
  const leastEpoch = before && beginsAnew ? before.epoch + 1 : 1;
  try {
    const wanted = { name, specDigest: digest, leastEpoch, standbys };
    const container = await untilProtected({ handle, log, signal, wanted });
    log(`protected: ${summary(container)}`);
    return outputsOf(container);
  } catch (error) {
    if (!(error instanceof ContainerFailed) || before) {
      context.keep(before ? outputsOf(before) : unknownYet);
      throw explained(error);
    }
    log("it failed at its first start; removing it again");
    await removeFailed(inputs, context, error);
    throw explained(error);
  }
}

/** A changed preferred host is a live migration. Refused: the state stays as it was, and the next `up` tries again. */
async function moveToPreferred(
  inputs: ContainerInputs,
  outcome: Outputs,
  { log, signal }: Context<Outputs>,
): Promise<Outputs> {
  const { name, preferredHost: to } = inputs;
  if (to === undefined || outcome.primary === to) return outcome;
  log(`moving it live from ${outcome.primary} to ${to}`);
  const because = "its preferred host changed";
  const request: CtlRequest = { op: "migrate", name, to, because };
  const answer = await askGroup(inputs.handle, request, { timeoutMs: MOVE_MS, signal });
  const { phases } = parse(movedSchema, answer, "the reply to the migration");
  log(`moved to ${to}: nobody served for ${phases.totalMs} ms`);
  return (await read(inputs)) ?? outcome;
}

const MOVE_MS = 300_000;

/** Nothing may be left of a container that could not be protected; where that fails, the state must know of it. */
async function removeFailed(inputs: ContainerInputs, context: Context<Outputs>, cause: Error): Promise<void> {
  try {
    await askGroup(inputs.handle, removal(inputs), { timeoutMs: REMOVE_MS });
  } catch (error) {
    context.keep(unknownYet);
    throw new UserError(
      `${explained(cause).message}\nIt could not be removed again: ${(error as Error).message}`,
    );
  }
}

function explained(error: unknown): Error {
  if (!(error instanceof ContainerFailed)) return error as Error;
  return new UserError(`the group cannot protect it: ${error.message}`, { cause: error });
}

async function read(inputs: ContainerInputs): Promise<Outputs | null> {
  const { containers } = await groupStatus(inputs.handle);
  const container = containers.find(({ name }) => name === inputs.name);
  return container && container.stack === inputs.stack ? outputsOf(container) : null;
}

function remove(inputs: ContainerInputs, { log, signal }: Context<Outputs>): Promise<void> {
  return removeOrGiveUp({
    allowed: inputs.deleteUnreachable,
    what: `container ${inputs.name}`,
    log,
    remove: async () => {
      await askGroup(inputs.handle, removal(inputs), { timeoutMs: REMOVE_MS, signal });
    },
  });
}

const REMOVE_MS = 120_000;

function removal({ name, stack }: ContainerInputs): CtlRequest {
  return { op: "remove", name, stack };
}

const unknownYet: Outputs = {
  phase: "PENDING",
  primary: null,
  epoch: 0,
  generation: null,
  standbyHosts: [],
  lastFailover: null,
};

function outputsOf(container: ContainerStatus): Outputs {
  const { phase, primary, epoch, generation, standbys, lastFailover } = container;
  return { phase, primary, epoch, generation, standbyHosts: standbys.map(({ host }) => host), lastFailover };
}

function summary({ primary, generation, holders }: ContainerStatus): string {
  return `runs on ${primary}, generation ${generation?.epoch}-${generation?.gen} is held by ${holders.join(", ")}`;
}
