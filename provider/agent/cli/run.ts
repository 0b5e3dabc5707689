import { VERSION } from "../version";
import { parseArguments, usageError } from "./arguments";
import { checkpoint } from "./checkpoint";
import { exitCodes } from "./cli-error";
import { ctl } from "./ctl";
import { drain } from "./drain";
import { events } from "./events";
import { failover } from "./failover";
import { fence } from "./fence";
import { fenceAgent } from "./fence-agent";
import { help, helpText } from "./help";
import type { CliIo, Command } from "./io";
import { migrate } from "./migrate";
import { recover } from "./recover";
import { status } from "./status";

const version: Command = async (args, io) => {
  parseArguments("version", { args, options: {} });
  io.out(`container-ha ${VERSION}\n`);
  return exitCodes.ok;
};

const commands: Record<string, Command> = {
  status,
  events,
  checkpoint,
  migrate,
  drain,
  failover,
  fence,
  recover,
  "fence-agent": fenceAgent,
  ctl,
  version,
  help,
};

/** Runs one command line (without node and script); resolves with the exit code, throws CliError. */
export async function run([name, ...args]: string[], io: CliIo): Promise<number> {
  if (name === undefined) throw usageError("", "A command is missing");
  if (name === "--help" || name === "-h") return help([], io);
  if (name === "--version") return version([], io);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw usageError("", `There is no command "${name}"`);
  if (args.includes("--help") || args.includes("-h")) {
    io.out(helpText(name));
    return exitCodes.ok;
  }
  return command(args, io);
}
