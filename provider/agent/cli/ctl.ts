import { callAgent } from "./agent-call";
import { parseArguments } from "./arguments";
import { exitCodes } from "./cli-error";
import type { CliIo } from "./io";

/** The agent validates and answers; its refusal is an answer too, so that programs find the reason in one place. */
export async function ctl(
  args: string[],
  io: Pick<CliIo, "socketPath" | "readStdin" | "out">,
): Promise<number> {
  parseArguments("ctl", { args, options: {} });
  const body = await io.readStdin();
  io.out(await callAgent({ socketPath: io.socketPath, method: "POST", path: "/ctl", body }));
  return exitCodes.ok;
}
