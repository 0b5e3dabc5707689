import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientChannel } from "ssh2";
import { LinkLost } from "../errors";
import type { Release } from "./limiter";
import type { Link } from "./link";

export interface Job {
  /** `user@host`, for messages. */
  host: string;
  link(): Promise<Link>;
  command: string;
  stdin?: string | Buffer | Readable;
  timeoutMs: number;
  label: string;
}

export interface Ending {
  /** Null where the command was ended by a signal, by the timeout, or never started. */
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/**
 * Runs a command line in a channel of its own, once one is free; the timeout counts from then on.
 * Throws LinkLost, what connecting throws, or the error of the stdin stream.
 */
export async function runOnLink(job: Job): Promise<Ending> {
  // An input that fails before anybody reads it is reported by send(), not as an uncaught error.
  if (job.stdin instanceof Readable) job.stdin.on("error", () => {});
  for (let refusals = 0; ; ) {
    const link = await job.link();
    const release = await link.channels.acquire();
    if (link.lost()) continue; // while it waited: nothing was sent yet, so another link will do
    try {
      return await runInSlot(job, link, release);
    } catch (error) {
      if (link.lost()) throw new LinkLost({ host: job.host, during: job.label, cause: await link.closed });
      if (!(error instanceof ChannelRefused)) throw error;
      // sshd may take fewer sessions than we assume (MaxSessions), and counts one that just ended for a moment longer.
      if (link.channels.active === 0 && ++refusals > MAX_REFUSALS) return refused(error);
      link.channels.lowerTo(link.channels.active);
      await sleep(REFUSAL_PAUSE_MS);
    }
  }
}

const MAX_REFUSALS = 5;
const REFUSAL_PAUSE_MS = 50;

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

function refused(error: ChannelRefused): Ending {
  return { code: null, signal: null, stdout: "", stderr: error.message, timedOut: false };
}

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

async function converse(channel: ClientChannel, stdin: Job["stdin"], output: Output): Promise<Exit> {
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
function send(channel: ClientChannel, stdin: Job["stdin"]): Promise<void> {
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
