import { spawn } from "node:child_process";

export interface RunOptions {
  /** Written to the program's standard input. */
  input?: string | Uint8Array;
  /** Milliseconds until the program is ended with SIGKILL. Default: 30 000. */
  timeoutMs?: number;
  /** Variables beside PATH, HOME and LC_ALL. */
  env?: Record<string, string>;
  /** Called with the program's process id as soon as it runs. */
  onStart?: (pid: number) => void;
  /** Called when the program itself has ended: what it started may still hold its output. */
  onEnd?: () => void;
}

export interface RunResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const SHOWN_LINES = 6;
const SHOWN_LINE_LENGTH = 400;

/** A program of this host failed. The message holds its last lines; the arguments only as far as the subcommand. */
export class CommandError extends Error {
  readonly code: number | null;
  /** The last lines of what it wrote. */
  readonly output: string;

  constructor(
    argv: readonly string[],
    { code, output, ending }: { code: number | null; output: string; ending: string },
  ) {
    super(`\`${label(argv)}\` ${ending}${output ? `: ${output}` : ""}`);
    this.name = "CommandError";
    this.code = code;
    this.output = output;
  }
}

/** Runs a program of this host and returns what it wrote; rejects with its last lines when it fails. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(argv, options);
  if (result.code !== 0) throw failure(argv, result);
  return result.stdout;
}

/** Like `run`, but a program that fails is a result. One that cannot start or does not end in time rejects. */
export function tryRun(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const [program = "", ...args] = argv;
    const child = spawn(program, args, { stdio: "pipe", env: { ...baseEnvironment(), ...options.env } });
    if (child.pid !== undefined) options.onStart?.(child.pid);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    // A program that ends without reading its input is judged by its exit status.
    child.stdin.on("error", () => undefined);
    child.on("error", (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const why = cause.code === "ENOENT" ? "is not installed" : `could not be started (${cause.message})`;
      reject(
        new CommandError([program], { code: cause.code === "ENOENT" ? 127 : null, output: "", ending: why }),
      );
    });
    child.on("exit", () => options.onEnd?.());
    child.on("close", (code) => {
      clearTimeout(timer);
      const result = { code, stdout: text(stdout), stderr: text(stderr) };
      if (timedOut) reject(failure(argv, result, `did not end within ${timeoutMs / 1000} s`));
      else resolve(result);
    });
    child.stdin.end(options.input ?? "");
  });
}

export function failure(argv: readonly string[], result: RunResult, ending?: string): CommandError {
  const how = result.code === null ? "was killed" : `failed with exit status ${result.code}`;
  return new CommandError(argv, {
    code: result.code,
    output: lastLines(result.stderr) || lastLines(result.stdout),
    ending: ending ?? how,
  });
}

/** The program with its leading options and subcommand: later arguments may be long or private. */
function label(argv: readonly string[]): string {
  return argv.slice(0, 5).join(" ");
}

function lastLines(output: string): string {
  const lines = output.trim().split("\n").slice(-SHOWN_LINES);
  return lines.map((line) => line.trimEnd().slice(0, SHOWN_LINE_LENGTH)).join("\n");
}

function baseEnvironment(): Record<string, string> {
  return { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", LC_ALL: "C" };
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString();
}
