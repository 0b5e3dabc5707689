import { constants } from "node:os";
import type { Readable } from "node:stream";
import { commandError } from "../errors";
import { runOnLink } from "./channel";
import { commandLine, ownOutput } from "./command-line";
import type { Link } from "./link";
import { quoteArgv } from "./quote";
import { scrub } from "./scrub";

/** What a command needs to know about the host it runs on. */
export interface Session {
  /** `user@host`, for messages. */
  readonly name: string;
  readonly user: string;
  readonly sudo: boolean;
  /** Values that are removed from every message. */
  readonly secrets: readonly string[];
  link(): Promise<Link>;
}

export interface RunOptions {
  /** Standard input, the only place for secrets. A text is also removed from error messages. @default empty */
  stdin?: string | Buffer | Readable;
  /** Milliseconds after which the command is ended, here and on the host. @default 60000 */
  timeoutMs?: number;
  /** Throw CommandFailed on a non-zero exit status. @default true */
  check?: boolean;
  /** Name of the command in messages. @default its words, shortened */
  label?: string;
  /** Non-secret environment variables. */
  env?: Readonly<Record<string, string>>;
}

export interface RunResult {
  /** Exit status; 128 + number for a signal, as a shell reports it. */
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs one command on the host, word for word. Never repeated by itself.
 * Throws CommandFailed, LinkLost, or what connecting throws.
 */
export async function run(
  session: Session,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, check = true } = options;
  const command = commandLine({ argv, env: options.env, sudo: session.sudo, timeoutMs });
  const secrets = typeof options.stdin === "string" ? [...session.secrets, options.stdin] : session.secrets;
  const label = scrub(options.label ?? shorten(quoteArgv(argv)), secrets);
  const ending = await runOnLink({
    host: session.name,
    link: session.link,
    command,
    stdin: options.stdin,
    timeoutMs,
    label,
  });

  const stdout = ownOutput(ending.stdout);
  const signalled = ending.signal ? 128 + (constants.signals[ending.signal as NodeJS.Signals] ?? 0) : null;
  const code = ending.code ?? signalled;
  if (ending.timedOut || code === null || (check && code !== 0)) {
    throw commandError({
      host: session.name,
      user: session.user,
      sudo: session.sudo,
      label,
      code: ending.code,
      signal: ending.signal,
      output: scrub(ending.stderr.trim() || stdout, secrets),
      timedOutAfterMs: ending.timedOut ? timeoutMs : undefined,
    });
  }
  return { code, stdout, stderr: ending.stderr };
}

export interface ScriptOptions extends RunOptions {
  /** `$1`, `$2` ... of the script. */
  args?: readonly string[];
}

/** Runs a POSIX shell script; stdin stays free for data. Values go in as arguments, never into the text. */
export function runScript(session: Session, script: string, options: ScriptOptions = {}): Promise<RunResult> {
  const { args = [], ...rest } = options;
  const label = options.label ?? shorten(script.trim().replace(/\s*\n\s*/g, "; "));
  return run(session, ["sh", "-c", script, "sh", ...args], { ...rest, label });
}

const DEFAULT_TIMEOUT_MS = 60_000;
const LABEL_LENGTH = 160;

function shorten(text: string): string {
  return text.length > LABEL_LENGTH ? `${text.slice(0, LABEL_LENGTH)}...` : text;
}
