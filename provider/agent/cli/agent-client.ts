import {
  type CtlRequest,
  ctlReplySchema,
  type GroupStatus,
  groupStatusSchema,
  parse,
  parseJson,
} from "../../contract";
import { callAgent } from "./agent-call";
import { CliError } from "./cli-error";

/** Asks the agent and returns its result; its refusal and an agent out of reach become a CliError. */
export async function ask<T>(
  { socketPath, timeoutMs }: { socketPath: string; timeoutMs?: number },
  body: CtlRequest,
  parseResult: (result: unknown) => T,
): Promise<T> {
  const answer = await callAgent({
    socketPath,
    timeoutMs,
    method: "POST",
    path: "/ctl",
    body: JSON.stringify(body),
  });
  const reply = parseJson(ctlReplySchema, answer, "The agent's reply");
  if (!reply.ok) throw new CliError(reply.message);
  return parseResult(reply.result);
}

const STATUS_LIMIT_MS = 15_000;

/** The group's status as the agent at this socket sees it. Throws as `ask` does. */
export function askStatus(socketPath: string): Promise<GroupStatus> {
  return ask({ socketPath, timeoutMs: STATUS_LIMIT_MS }, { op: "status" }, (result) =>
    parse(groupStatusSchema, result, "The agent's status"),
  );
}
