import { readFile, stat } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { groupConfigSchema, parseJson, paths, units } from "../../contract";
import { tryRun } from "../env/runtime/exec";
import { agentUnitText } from "./agent-unit";
import { CliError, exitCodes } from "./cli-error";
import type { Voters } from "./no-quorum";
import { createRecovery } from "./recover/act";
import { lookAtVoters } from "./recover/others";
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
  readSecret: async (path) => {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      throw new CliError(
        `${path} may hold a password, but others than its owner may use it: chmod 600 ${path}`,
      );
    return readFile(path, "utf8");
  },
  runProgram: (program, input) => tryRun([program], { input }),
  sleep: (ms) => setTimeout(ms),
  interrupted: () => {
    const controller = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
    return controller.signal;
  },
  voters,
  agentUnit,
  recovery: createRecovery,
}).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error instanceof CliError ? error.exitCode : exitCodes.failed;
  },
);

async function voters(): Promise<Voters | null> {
  try {
    const config = parseJson(groupConfigSchema, await readFile(paths.groupConfig, "utf8"), paths.groupConfig);
    return config.policy.etcd === "external" ? null : await lookAtVoters(config);
  } catch {
    return null;
  }
}

async function agentUnit(): Promise<string | null> {
  try {
    const [show, journal] = await Promise.all([
      tryRun(["systemctl", "show", "--property", "ActiveState,NRestarts", units.agent]),
      tryRun(["journalctl", "--unit", units.agent, "--lines", "50", "--output", "cat", "--no-pager"]),
    ]);
    return agentUnitText({ show: show.stdout, journal: journal.stdout });
  } catch {
    return null;
  }
}
