import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { paths } from "../../contract";
import { CliError, exitCodes } from "./cli-error";
import { run } from "./run";

// `container-ha events | head` ends quietly.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? exitCodes.ok : exitCodes.failed);
});

run(process.argv.slice(2), {
  socketPath: process.env.CONTAINER_HA_SOCKET ?? paths.agentSocket,
  out: (output) => process.stdout.write(output),
  readStdin: () => text(process.stdin),
  ask: async (question) => {
    if (!process.stdin.isTTY) return null;
    const dialogue = createInterface({ input: process.stdin, output: process.stderr });
    // Ctrl-D is no.
    const ended = new Promise<string>((resolve) => dialogue.once("close", () => resolve("")));
    return Promise.race([dialogue.question(question), ended]).finally(() => dialogue.close());
  },
  interrupted: () => {
    const controller = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
    return controller.signal;
  },
}).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof CliError ? error.exitCode : exitCodes.failed;
  },
);
