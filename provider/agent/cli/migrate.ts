import { check, type Moved, movedSchema } from "../../contract";
import { ask } from "./agent-client";
import { parseArguments, usageError } from "./arguments";
import { CliError, exitCodes } from "./cli-error";
import type { Command } from "./io";

export const migrate: Command = async (args, io) => {
  const { values, positionals } = parseArguments("migrate", {
    args,
    options: { to: { type: "string" }, json: { type: "boolean" } },
    allowPositionals: true,
  });
  const [name, ...others] = positionals;
  if (name === undefined) throw usageError("migrate", "The container's name is missing");
  if (others.length > 0) throw usageError("migrate", `Expected one name, got ${positionals.length}`);
  if (values.to === undefined) throw usageError("migrate", "The host to move it to is missing (--to HOST)");
  if (!values.json) io.out(`Moving ${name} to ${values.to} ...\n`);
  const request = { op: "migrate" as const, name, to: values.to };
  const moved = await ask({ socketPath: io.socketPath }, request, parseMoved);
  io.out(values.json ? `${JSON.stringify(moved)}\n` : `${movedText(moved)}\n`);
  return exitCodes.ok;
};

export function parseMoved(result: unknown): Moved {
  const parsed = check(movedSchema, result);
  if (!parsed.ok) throw new CliError("The agent is of another version: its reply cannot be read.");
  return parsed.value;
}

/** What was done, and where the time went. */
export function movedText({ name, from, to, epoch, phases }: Moved): string {
  const { freezeMs, dumpMs, transferMs, restoreMs, switchMs, totalMs } = phases;
  return (
    `${name} runs on ${to} now (epoch ${epoch}), it ran on ${from}. Nobody served for ${totalMs} ms: ` +
    `freeze ${freezeMs}, dump ${dumpMs}, transfer ${transferMs}, restore ${restoreMs}, switch ${switchMs}.`
  );
}
