import { z } from "zod";
import { type CtlRequest, parse } from "../../contract";
import { ask } from "./agent-client";
import { usageError } from "./arguments";
import { CliError } from "./cli-error";
import type { CliIo } from "./io";

const DEADLINE_MS = 15_000;
const planSchema = z.object({ will: z.string() });

/** Tells what the agent would do and asks; resolves only after a yes, or at once with `yes`. */
export async function confirm(
  io: CliIo,
  {
    command,
    request,
    yes,
  }: { command: string; request: Extract<CtlRequest, { dryRun: boolean }>; yes: boolean },
): Promise<void> {
  if (yes) return;
  const { will } = await ask<z.infer<typeof planSchema>>(
    { socketPath: io.socketPath, timeoutMs: DEADLINE_MS },
    { ...request, dryRun: true },
    (result) => parse(planSchema, result, "The agent's plan"),
  );
  await goOn(io, { command, will });
}

/** Shows what will be done and resolves only after a yes. */
export async function goOn(io: CliIo, { command, will }: { command: string; will: string }): Promise<void> {
  const answer = await io.ask(`${will}\nGo on? [y/N] `);
  const space = will.includes("\n") ? "\n" : " ";
  if (answer === null)
    throw usageError(command, `${will}${space}Nobody can be asked here: repeat it with --yes`);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError("Nothing was changed.");
}
