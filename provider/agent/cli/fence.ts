import { z } from "zod";
import { type CtlRequest, parse } from "../../contract";
import { ask } from "./agent-client";
import { parseArguments, usageError } from "./arguments";
import { exitCodes } from "./cli-error";
import { confirm } from "./confirm";
import type { Command } from "./io";

const resultSchema = z.object({
  host: z.string(),
  sid: z.string(),
  confirmedOff: z.boolean(),
  containers: z.array(z.string()),
});

export const fence: Command = async (args, io) => {
  const { values, positionals } = parseArguments("fence", {
    args,
    options: {
      "confirmed-off": { type: "boolean" },
      yes: { type: "boolean", short: "y" },
      json: { type: "boolean" },
    },
    allowPositionals: true,
  });
  const [host, ...others] = positionals;
  if (host === undefined) throw usageError("fence", "The host's name is missing");
  if (others.length > 0) throw usageError("fence", `Expected one host, got ${positionals.length}`);
  const request = {
    op: "fence",
    host,
    confirmedOff: values["confirmed-off"] ?? false,
    dryRun: false,
  } satisfies CtlRequest;
  await confirm(io, { command: "fence", request, yes: values.yes ?? false });
  const done = await ask({ socketPath: io.socketPath }, request, (value) =>
    parse(resultSchema, value, "The agent's result"),
  );
  const what =
    done.containers.length > 0 ? `${done.containers.join(", ")} may be taken by others` : "it owned nothing";
  io.out(values.json ? `${JSON.stringify(done)}\n` : `${done.host} is fenced; ${what}.\n`);
  return exitCodes.ok;
};
