import { ask } from "./agent-client";
import { parseArguments, usageError } from "./arguments";
import { exitCodes } from "./cli-error";
import type { Command } from "./io";

export const checkpoint: Command = async (args, io) => {
  const { values, positionals } = parseArguments("checkpoint", {
    args,
    options: { json: { type: "boolean" } },
    allowPositionals: true,
  });
  const [name, ...others] = positionals;
  if (name === undefined) throw usageError("checkpoint", "The container's name is missing");
  if (others.length > 0) throw usageError("checkpoint", `Expected one name, got ${positionals.length}`);
  const result = await ask({ socketPath: io.socketPath }, { op: "checkpoint", name }, (value) => value);
  io.out(values.json ? `${JSON.stringify(result)}\n` : `A generation of ${name} is committed.\n`);
  return exitCodes.ok;
};
