import { check, type Drained, drainedSchema } from "../../contract";
import { ask } from "./agent-client";
import { parseArguments, usageError } from "./arguments";
import { CliError, exitCodes } from "./cli-error";
import type { Command } from "./io";
import { movedText } from "./migrate";

export const drain: Command = async (args, io) => {
  const { values, positionals } = parseArguments("drain", {
    args,
    options: { partial: { type: "boolean" }, json: { type: "boolean" } },
    allowPositionals: true,
  });
  const [host, ...others] = positionals;
  if (host === undefined) throw usageError("drain", "The host's name is missing");
  if (others.length > 0) throw usageError("drain", `Expected one host, got ${positionals.length}`);
  if (!values.json) io.out(`Moving everything away from ${host} ...\n`);
  const request = { op: "drain" as const, host, partial: values.partial ?? false };
  const drained = await ask({ socketPath: io.socketPath }, request, parseDrained);
  io.out(values.json ? `${JSON.stringify(drained)}\n` : drainedText(drained));
  return drained.stayed.length > 0 ? exitCodes.failed : exitCodes.ok;
};

function parseDrained(result: unknown): Drained {
  const parsed = check(drainedSchema, result);
  if (!parsed.ok) throw new CliError("The agent is of another version: its reply cannot be read.");
  return parsed.value;
}

function drainedText({ host, moved, stayed }: Drained): string {
  const lines = [...moved.map(movedText), ...stayed.map(({ because }) => `Not moved: ${because}.`)];
  if (stayed.length === 0) lines.push(`${host} runs no containers now.`);
  return lines.map((line) => `${line}\n`).join("");
}
