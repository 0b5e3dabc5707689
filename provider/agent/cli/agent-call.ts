import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { units } from "../../contract/paths";
import { CliError, exitCodes } from "./cli-error";

export interface AgentCall {
  socketPath: string;
  method: "GET" | "POST";
  /** With the query. */
  path: string;
  body?: string;
  /** Milliseconds for the whole call; none by default, since a checkpoint or a pull may take minutes. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** One exchange with the agent: the whole text of its answer. */
export async function callAgent(call: AgentCall): Promise<string> {
  const signal = call.timeoutMs === undefined ? call.signal : AbortSignal.timeout(call.timeoutMs);
  try {
    return await text(await openAgent({ ...call, signal }));
  } catch (error) {
    if (signal?.aborted && call.timeoutMs !== undefined) {
      throw new CliError(
        `The agent did not answer within ${call.timeoutMs / 1000} s. ${whatToDo}`,
        exitCodes.unreachable,
        { cause: error },
      );
    }
    throw unreachable(call.socketPath, error);
  }
}

/** One exchange with the agent: its answer line by line as it comes, until it ends or `signal` aborts. */
export async function* agentLines(call: AgentCall): AsyncGenerator<string> {
  try {
    let rest = "";
    const answer = await openAgent(call);
    for await (const chunk of answer.setEncoding("utf8") as AsyncIterable<string>) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
  } catch (error) {
    throw unreachable(call.socketPath, error);
  }
}

function openAgent(call: AgentCall): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { socketPath, method, path, signal } = call;
    const outgoing = request({ socketPath, method, path, signal, agent: false, headers: { host: "agent" } });
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
    outgoing.end(call.body);
  });
}

const whatToDo = `Look at it with "systemctl status ${units.agent}" and "journalctl -u ${units.agent}".`;

function unreachable(socketPath: string, error: unknown): CliError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM") {
    return new CliError(
      `Only root may talk to the agent (${socketPath}). Run the command as root, for example with sudo.`,
      exitCodes.failed,
      { cause: error },
    );
  }
  const what =
    code === "ENOENT" || code === "ECONNREFUSED"
      ? `The agent is not running on this host: nothing answers on ${socketPath}.`
      : `The agent stopped before it had answered (${message}).`;
  return new CliError(`${what} ${whatToDo}`, exitCodes.unreachable, { cause: error });
}
