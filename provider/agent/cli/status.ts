import { groupStatusSchema, parse } from "../../contract";
import { ask } from "./agent-client";
import { parseArguments } from "./arguments";
import { exitCodes } from "./cli-error";
import type { Command } from "./io";
import { statusText } from "./status-text";

const DEADLINE_MS = 15_000;

export const status: Command = async (args, io) => {
  const { values } = parseArguments("status", { args, options: { json: { type: "boolean" } } });
  const group = await ask({ socketPath: io.socketPath, timeoutMs: DEADLINE_MS }, { op: "status" }, (result) =>
    parse(groupStatusSchema, result, "The agent's status"),
  );
  io.out(values.json ? `${JSON.stringify(group)}\n` : statusText(group));
  return exitCodes.ok;
};
