import { z } from "zod";
import { type CtlRequest, parse } from "../../contract";
import { ask } from "./agent-client";
import { parseArguments, usageError } from "./arguments";
import { exitCodes } from "./cli-error";
import { confirm } from "./confirm";
import type { Command } from "./io";

const resultSchema = z.object({
  name: z.string(),
  from: z.string(),
  to: z.string(),
  epoch: z.number(),
  fetched: z.string().optional(),
});

export const failover: Command = async (args, io) => {
  const { values, positionals } = parseArguments("failover", {
    args,
    options: { to: { type: "string" }, yes: { type: "boolean", short: "y" }, json: { type: "boolean" } },
    allowPositionals: true,
  });
  const [name, ...others] = positionals;
  if (name === undefined) throw usageError("failover", "The container's name is missing");
  if (others.length > 0) throw usageError("failover", `Expected one name, got ${positionals.length}`);
  const request = { op: "failover", name, to: values.to, dryRun: false } satisfies CtlRequest;
  await confirm(io, { command: "failover", request, yes: values.yes ?? false });
  const done = await ask({ socketPath: io.socketPath }, request, (value) =>
    parse(resultSchema, value, "The agent's result"),
  );
  io.out(
    values.json
      ? `${JSON.stringify(done)}\n`
      : `${done.name} is served by ${done.to} at epoch ${done.epoch}; before it was on ${done.from}${done.fetched ? `; ${done.fetched}` : ""}.\n`,
  );
  return exitCodes.ok;
};
