import { askStatus } from "./agent-client";
import { parseArguments } from "./arguments";
import { exitCodes } from "./cli-error";
import type { Command } from "./io";
import { statusText } from "./status-text";

export const status: Command = async (args, io) => {
  const { values } = parseArguments("status", { args, options: { json: { type: "boolean" } } });
  const group = await askStatus(io.socketPath);
  io.out(values.json ? `${JSON.stringify(group)}\n` : statusText(group));
  return exitCodes.ok;
};
