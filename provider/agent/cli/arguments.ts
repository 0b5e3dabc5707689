import { type ParseArgsConfig, parseArgs } from "node:util";
import { CliError, exitCodes } from "./cli-error";

/** Parses a command's arguments; what is wrong becomes a usage error in one sentence. */
export function parseArguments<T extends ParseArgsConfig>(command: string, config: T) {
  try {
    return parseArgs(config);
  } catch (error) {
    // Node adds advice after the first sentence that does not fit here.
    throw usageError(command, (error as Error).message.split(". ")[0]!);
  }
}

export function usageError(command: string, what: string): CliError {
  return new CliError(
    `${what.replace(/\.$/, "")}. See "${["container-ha help", command].join(" ").trim()}".`,
    exitCodes.usage,
  );
}
