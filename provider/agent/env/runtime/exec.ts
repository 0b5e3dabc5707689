import { spawn } from "node:child_process";
import { signalProcess } from "../signal";

export interface RunOptions {
  /** Written to the program's standard input. */
  input?: string | Uint8Array;
  /** Milliseconds until the program is ended with SIGKILL. Default: 30 000. */
  timeoutMs?: number;
  /** Variables beside PATH, HOME and LC_ALL. */
  env?: Record<string, string>;
  /** Called with the program's process id as soon as it runs. */
  onStart?: (pid: number) => void;
  /** What ends it ends the programs that it started as well. */
  withChildren?: true;
  /** Ends it before its time. */
  signal?: AbortSignal;
  /** Called when the program itself has ended: what it started may still hold its output. */
  onEnd?: () => void;
}

export interface RunResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** What a program that is killed has started may keep its pipes open, or the kernel it itself: nobody waits for that. */
const DEATH_MS = 1_000;
const SHOWN_LINES = 6;
const SHOWN_LINE_LENGTH = 400;

/** A program of this host failed. The message holds its last lines; the arguments only as far as the subcommand. */
export class CommandError extends Error {
  readonly code: number | null;
  /** The last lines of what it wrote. */
  readonly output: string;
  /** It did not end in time and was killed. */
  readonly timedOut: boolean;

  constructor(
    argv: readonly string[],
    {
      code,
      output,
      ending,
      timedOut = false,
    }: { code: number | null; output: string; ending: string; timedOut?: boolean },
  ) {
    super(`\`${label(argv)}\` ${ending}${output ? `: ${output}` : ""}`);
    this.name = "CommandError";
    this.code = code;
    this.output = output;
    this.timedOut = timedOut;
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
    const child = spawn(program, args, {
      stdio: "pipe",
      env: { ...baseEnvironment(), ...options.env },
      detached: options.withChildren,
    });
    if (child.pid !== undefined) options.onStart?.(child.pid);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    let late: NodeJS.Timeout | undefined;
    let aborted = false;
    const how = () => (aborted ? {} : { within: timeoutMs });
    const giveUp = () => {
      const result = { code: null, stdout: text(stdout), stderr: text(stderr) };
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      child.unref();
      reject(failure(argv, result, how()));
    };
    const end = () => {
      late ??= setTimeout(giveUp, DEATH_MS);
      if (options.withChildren && child.pid) signalProcess(-child.pid, "SIGKILL");
      else child.kill("SIGKILL");
    };
    const timer = setTimeout(end, timeoutMs);
    const abort = () => {
      aborted = true;
      end();
    };
    options.signal?.addEventListener("abort", abort);
    const over = () => {
      clearTimeout(timer);
      clearTimeout(late);
      options.signal?.removeEventListener("abort", abort);
    };
    if (options.signal?.aborted) abort();
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    // A program that ends without reading its input is judged by its exit status.
    child.stdin.on("error", () => undefined);
    child.on("error", (cause: NodeJS.ErrnoException) => {
      over();
      const why = cause.code === "ENOENT" ? "is not installed" : `could not be started (${cause.message})`;
      reject(
        new CommandError([program], { code: cause.code === "ENOENT" ? 127 : null, output: "", ending: why }),
      );
    });
    child.on("exit", () => options.onEnd?.());
    child.on("close", (code) => {
      over();
      const result = { code, stdout: text(stdout), stderr: text(stderr) };
      if (late) reject(failure(argv, result, how()));
      else resolve(result);
    });
    child.stdin.end(options.input ?? "");
  });
}

/** `within`: how long it was waited for, ms, where it did not end by itself. */
export function failure(
  argv: readonly string[],
  result: RunResult,
  { within }: { within?: number } = {},
): CommandError {
  const ended = result.code === null ? "was killed" : `failed with exit status ${result.code}`;
  return new CommandError(argv, {
    code: result.code,
    output: lastLines(result.stderr) || lastLines(result.stdout),
    ending: within === undefined ? ended : `did not end within ${within / 1000} s`,
    timedOut: within !== undefined,
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
