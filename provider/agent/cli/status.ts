import { askStatus } from "./agent-client";
import { parseArguments } from "./arguments";
import { CliError, exitCodes } from "./cli-error";
import type { CliIo, Command } from "./io";
import { statusText } from "./status-text";

export const status: Command = async (args, io) => {
  const { values } = parseArguments("status", { args, options: { json: { type: "boolean" } } });
  const group = await askStatus(io.socketPath).catch(async (error: Error) => {
    throw await explained(error, io);
  });
  if (values.json) io.out(`${JSON.stringify(group)}\n`);
  else io.out(statusText(group, group.quorum ? null : await io.voters()));
  return exitCodes.ok;
};

/** An agent that does not run says nothing of the group; its unit says why it does not. */
async function explained(error: Error, io: CliIo): Promise<Error> {
  if (!(error instanceof CliError) || error.exitCode !== exitCodes.unreachable) return error;
  const why = await io.agentUnit();
  return why === null ? error : new CliError(`${error.message}\n${why}`, error.exitCode, { cause: error });
}
