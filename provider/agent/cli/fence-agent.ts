import { parseArguments, usageError } from "./arguments";
import { CliError, exitCodes } from "./cli-error";
import type { Command } from "./io";

/** What a fence agent's `status` exits with (FenceAgentAPI of ClusterLabs). */
const STATUS = { on: 0, off: 2 };
/** Machines take a while to go off. */
const LOOKS = 10;
const LOOK_PAUSE_MS = 2000;

/**
 * A fencing command made of a ClusterLabs fence agent: switches off, then looks. It succeeds only when the device
 * itself says that the machine is off. Options go through standard input, never on a command line.
 */
export const fenceAgent: Command = async (args, io) => {
  const { positionals } = parseArguments("fence-agent", { args, options: {}, allowPositionals: true });
  const [agent, file, ...others] = positionals;
  if (agent === undefined || file === undefined || others.length > 0)
    throw usageError("fence-agent", "Expected a fence agent and a file with its options");
  const options = optionsIn(await io.readSecret(file), file);
  const call = (action: string) => io.runProgram(agent, `${[...options, `action=${action}`].join("\n")}\n`);
  const off = await call("off");
  if (off.code !== 0) throw new CliError(`${agent} could not switch the machine off: ${reason(off)}`);
  for (let look = 1; ; look += 1) {
    const status = await call("status");
    if (status.code === STATUS.off) break;
    if (status.code !== STATUS.on)
      throw new CliError(`${agent} cannot tell whether the machine is off: ${reason(status)}`);
    if (look === LOOKS) throw new CliError(`${agent} says that the machine is still on`);
    await io.sleep(LOOK_PAUSE_MS);
  }
  io.out(`${agent}: the machine is off.\n`);
  return exitCodes.ok;
};

/** One `key=value` a line, as the agent's manual calls them; comments begin with #. */
function optionsIn(text: string, file: string): string[] {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const wrong = lines.findIndex((line) => !/^[\w-]+=/.test(line));
  if (wrong >= 0) throw new CliError(`${file}: option ${wrong + 1} is not of the form key=value`);
  if (lines.some((line) => /^(action|option)=/.test(line)))
    throw new CliError(`${file}: an action is not for the file: the machine is switched off, then looked at`);
  return lines;
}

function reason({ code, stderr }: { code: number | null; stderr: string }): string {
  return stderr.trim().split("\n").at(-1) || (code === null ? "it was ended" : `exit status ${code}`);
}
