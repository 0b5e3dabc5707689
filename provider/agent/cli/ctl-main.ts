import { text } from "node:stream/consumers";
import { paths } from "../../contract/paths";
import { CliError, exitCodes } from "./cli-error";
import { ctl } from "./ctl";

// A program of its own: handlers of resources start it for each of their questions, and to load what the other commands
// need takes longer than an answer.
ctl([], {
  socketPath: process.env.CONTAINER_HA_SOCKET ?? paths.agentSocket,
  out: (output) => process.stdout.write(output),
  readStdin: () => text(process.stdin),
}).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error instanceof CliError ? error.exitCode : exitCodes.failed;
});
