import { constants } from "node:os";
import { Readable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { commandError, LinkLost } from "../errors";
import { commandLine } from "./command-line";
import type { Release } from "./limiter";
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
  const ending = await runOnLink({ session, command, stdin: options.stdin, timeoutMs, label });

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
      output: scrub(ending.stderr.trim() || ending.stdout, secrets),
      timedOutAfterMs: ending.timedOut ? timeoutMs : undefined,
    });
  }
  return { code, stdout: ending.stdout, stderr: ending.stderr };
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

interface Job {
  session: Session;
  command: string;
  stdin: RunOptions["stdin"];
  timeoutMs: number;
  label: string;
}

interface Ending {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

async function runOnLink(job: Job): Promise<Ending> {
  // An input that fails before anybody reads it is reported by send(), not as an uncaught error.
  if (job.stdin instanceof Readable) job.stdin.on("error", () => {});
  const link = await job.session.link();
  for (;;) {
    const release = await link.channels.acquire();
    try {
      return await runInSlot(job, link, release);
    } catch (error) {
      if (link.lost())
        throw new LinkLost({ host: job.session.name, during: job.label, cause: await link.closed });
      if (!(error instanceof ChannelRefused)) throw error;
      // sshd may take fewer sessions than we assume (MaxSessions): wait for one of those that run.
      if (link.channels.active === 0)
        return { code: null, signal: null, stdout: "", stderr: error.message, timedOut: false };
      link.channels.lowerTo(link.channels.active);
    }
  }
}

async function runInSlot(job: Job, link: Link, release: Release): Promise<Ending> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<"timeout">((resolve) => {
    timer = setTimeout(() => resolve("timeout"), job.timeoutMs);
  });
  const output: Output = { stdout: [], stderr: [] };
  const opening = start({ job, link, output, release });
  try {
    const end = await Promise.race([opening.then(({ ended }) => ended), timeout]);
    const timedOut = end === "timeout";
    if (timedOut) opening.then(({ channel }) => channel.close()).catch(() => {});
    if (link.lost() && !timedOut && end.code === null && end.signal === null)
      throw new Error("connection lost");
    const text = { stdout: decode(output.stdout), stderr: decode(output.stderr) };
    return timedOut ? { code: null, signal: null, ...text, timedOut } : { ...end, ...text, timedOut };
  } finally {
    clearTimeout(timer);
  }
}

interface Output {
  stdout: Buffer[];
  stderr: Buffer[];
}

function decode(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8");
}

class ChannelRefused extends Error {}

interface Started {
  channel: ClientChannel;
  ended: Promise<Exit>;
}

function start(o: { job: Job; link: Link; output: Output; release: Release }): Promise<Started> {
  return new Promise((resolve, reject) => {
    o.link.client.exec(o.job.command, (error, channel) => {
      if (error) {
        o.release();
        return reject(new ChannelRefused(`sshd did not start it (${error.message})`));
      }
      // The slot is free again when the host says so, which after a timeout is later than our answer.
      channel.once("close", o.release);
      // Listening begins here and not after an await: the exit status may be in the same packet as the start.
      resolve({ channel, ended: converse(channel, o.job.stdin, o.output) });
    });
  });
}

interface Exit {
  code: number | null;
  signal: string | null;
}

async function converse(channel: ClientChannel, stdin: RunOptions["stdin"], output: Output): Promise<Exit> {
  const ended = new Promise<Exit>((resolve, reject) => {
    let exit: Exit = { code: null, signal: null };
    channel.on("exit", (code: number | null, signal?: string) => {
      exit = { code, signal: signal ?? null };
    });
    channel.on("data", (chunk: Buffer) => output.stdout.push(chunk));
    channel.stderr.on("data", (chunk: Buffer) => output.stderr.push(chunk));
    channel.on("error", reject);
    const stderrEnded = new Promise((resolveEnd) => channel.stderr.once("end", resolveEnd));
    channel.once("close", () => void stderrEnded.then(() => resolve(exit)));
  });
  const sent = send(channel, stdin);
  return Promise.race([ended, sent.then(() => ended)]);
}

/** Rejects where the source of the input fails; a command that ends without reading its input is no failure. */
function send(channel: ClientChannel, stdin: RunOptions["stdin"]): Promise<void> {
  if (!(stdin instanceof Readable)) {
    channel.end(stdin ?? "");
    return Promise.resolve();
  }
  channel.once("close", () => stdin.destroy());
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      channel.close();
      reject(error);
    };
    if (stdin.errored) return fail(stdin.errored);
    stdin.once("close", resolve);
    stdin.once("error", fail);
    stdin.pipe(channel);
  });
}
