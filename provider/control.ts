import { setTimeout as sleep } from "node:timers/promises";
import { ctl } from "./commands/control";
import {
  type CtlReply,
  type CtlRequest,
  ctlReplySchema,
  type GroupStatus,
  groupStatusSchema,
  parse,
  parseJson,
} from "./contract";
import { CommandFailed, HostUnreachable, UserError } from "./errors";
import type { GroupHandle } from "./group-handle";
import type { ConnectionArgs } from "./ssh/connection-args";
import { secretsOf } from "./ssh/credentials";
import { withHost } from "./ssh/session";

/** The group understood the request and refuses it, or failed at it. */
export class GroupRefused extends UserError {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}
type RefusalCode = Extract<CtlReply, { ok: false }>["code"];

/** No member gave an answer: down, agent not running, or the group has no quorum. */
export class GroupUnavailable extends UserError {
  override readonly retryable = true;
}

export interface AskOptions {
  /** Milliseconds one member may take for its answer. @default 60000 */
  timeoutMs?: number;
  /** Milliseconds for which members are asked again while none can answer. @default 30000 */
  patienceMs?: number;
  signal?: AbortSignal;
}

type Member = GroupHandle["members"][number];

/**
 * Sends a request to the group: to the member that answered last, and to another one where that one is down or has no
 * quorum. Every request is idempotent, so asking again after a lost connection is safe. Resolves with the result;
 * throws GroupRefused, GroupUnavailable, or what is wrong with a host key or with credentials.
 */
export async function askGroup(
  handle: GroupHandle,
  request: CtlRequest,
  options: AskOptions = {},
): Promise<unknown> {
  const until = Date.now() + (options.patienceMs ?? 30_000);
  for (;;) {
    const reasons: string[] = [];
    for (const member of inOrder(handle)) {
      options.signal?.throwIfAborted();
      const answer = await tryMember(member, request, options);
      if ("result" in answer) {
        lastGood.set(handle.group, member.name);
        return answer.result;
      }
      reasons.push(`${member.name}: ${answer.unavailable}`);
    }
    if (Date.now() >= until) throw unavailable(handle, reasons);
    await sleep(RETRY_MS, undefined, { signal: options.signal });
  }
}

/** Sends a request to one member alone. Throws GroupRefused, GroupUnavailable or what connecting throws. */
export async function askMember(
  member: Member,
  request: CtlRequest,
  options: Pick<AskOptions, "timeoutMs"> = {},
): Promise<unknown> {
  const answer = await tryMember(member, request, options);
  if ("result" in answer) return answer.result;
  throw new GroupUnavailable(`${member.name} gave no answer: ${answer.unavailable}`);
}

/** How the group is, as a member with a quorum sees it. */
export async function groupStatus(handle: GroupHandle, options: AskOptions = {}): Promise<GroupStatus> {
  return parse(groupStatusSchema, await askGroup(handle, { op: "status" }, options), "the group's status");
}

/** The same, asked once; null where no member can answer. */
export async function statusIfAny(handle: GroupHandle): Promise<GroupStatus | null> {
  try {
    return await groupStatus(handle, { patienceMs: 0 });
  } catch (error) {
    if (error instanceof GroupUnavailable) return null;
    throw error;
  }
}

/** How the group is, as this member sees it. */
export async function memberStatus(
  member: Member,
  options: Pick<AskOptions, "timeoutMs"> = {},
): Promise<GroupStatus> {
  return parse(groupStatusSchema, await askMember(member, { op: "status" }, options), "the member's status");
}

/** Every secret text of a handle, to be kept out of messages. */
export function handleSecrets(handle: GroupHandle): string[] {
  return handle.members.flatMap((member) => secretsOf(member.connection));
}

const RETRY_MS = 1_000;
/** A dead host must not use up the time of those that live. */
const CONNECT_MS = 8_000;

/** Group to the member that answered last in this process. */
const lastGood = new Map<string, string>();

function inOrder({ group, members }: GroupHandle): Member[] {
  const first = lastGood.get(group);
  return [...members].sort((a, b) => Number(b.name === first) - Number(a.name === first));
}

type Answer = { result: unknown } | { unavailable: string };

async function tryMember(
  member: Member,
  request: CtlRequest,
  options: Pick<AskOptions, "timeoutMs">,
): Promise<Answer> {
  let reply: CtlReply;
  try {
    reply = await exchange(member.connection, request, options.timeoutMs ?? 60_000);
  } catch (error) {
    if (error instanceof HostUnreachable || error instanceof CommandFailed) {
      return { unavailable: error.message };
    }
    throw error;
  }
  if (reply.ok) {
    const lost = request.op === "status" && (reply.result as { quorum?: unknown } | null)?.quorum === false;
    return lost ? { unavailable: "it sees no quorum" } : { result: reply.result };
  }
  if (reply.code === "no-quorum" || reply.code === "starting") return { unavailable: reply.message };
  throw new GroupRefused(reply.code, reply.message);
}

function exchange(connection: ConnectionArgs, request: CtlRequest, timeoutMs: number): Promise<CtlReply> {
  return withHost(
    connection,
    async (host) => {
      const label = `container-ha ctl (${request.op})`;
      const { stdout } = await host.run(ctl(), { stdin: JSON.stringify(request), timeoutMs, label });
      return parseJson(ctlReplySchema, stdout, `the reply to \`${label}\` on ${host.name}`);
    },
    { deadlineMs: CONNECT_MS },
  );
}

function unavailable({ group }: GroupHandle, reasons: string[]): GroupUnavailable {
  return new GroupUnavailable(
    `no member of group ${group} can answer:\n${reasons.map((reason) => `  ${reason}`).join("\n")}\n` +
      "Bring enough hosts of the group back for a majority, then run the same operation again.",
  );
}
