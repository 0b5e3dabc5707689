import { callAgent } from "./agent-client";
import { parseArguments } from "./arguments";
import { exitCodes } from "./cli-error";
import type { Command } from "./io";

/** The agent validates and answers; its refusal is an answer too, so that programs find the reason in one place. */
export const ctl: Command = async (args, io) => {
  parseArguments("ctl", { args, options: {} });
  const body = await io.readStdin();
  io.out(await callAgent({ socketPath: io.socketPath, method: "POST", path: "/ctl", body }));
  return exitCodes.ok;
};
