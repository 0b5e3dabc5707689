import { spawn } from "node:child_process";

export interface RunOptions {
  /** Text for the program's standard input. */
  input?: string;
  /** Milliseconds until the program is ended with SIGKILL. Default: 60 000. */
  timeoutMs?: number;
}

export interface RunResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program of this machine and returns its output; fails with its last lines when it does. */
export async function run(argv: string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(argv, options);
  if (result.code !== 0) {
    const why = (result.stderr || result.stdout).trim().split("\n").slice(-5).join("\n");
    throw new Error(`${argv.join(" ")}: ended with ${result.code ?? "a signal or the time limit"}\n${why}`);
  }
  return result.stdout;
}

/** Like `run`, but a program that fails is a result. */
export function tryRun(argv: string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const [program = "", ...args] = argv;
    const child = spawn(program, args, {
      stdio: "pipe",
      timeout: options.timeoutMs ?? 60_000,
      killSignal: "SIGKILL",
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", (cause) => reject(new Error(`${argv.join(" ")}: could not be started`, { cause })));
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}
