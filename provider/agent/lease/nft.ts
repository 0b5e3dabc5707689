import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { killStaleNft } from "./stale-nft";

/** One `nft -i` that is kept for many batches: 1 ms a batch instead of 20 for a process each (safety.md 2.2). */
export interface Nft {
  /**
   * Runs the commands as one batch and resolves with what nft printed. Batches run one after the other, in the order
   * of the calls. Rejects with NftRefused when nft reports an error (nothing of the batch took effect), with another
   * error when nft died or did not answer (it may have taken effect; that nft is dead before the rejection).
   */
  run(commands: string[]): Promise<string>;
  /** Every child from the next one on runs these before anything else; their errors are left to the batch after. */
  atStart(commands: string[]): void;
  /** Ends the child. */
  close(): Promise<void>;
}

/** The kernel or nft itself did not want the batch; nothing of it took effect. */
export class NftRefused extends Error {}

export interface NftOptions {
  /** Default `nft -i`. */
  command?: string[];
  /** Remembers the child's pid, so that a later process can end a child that outlived its parent. */
  pidFile?: string;
  /** Milliseconds after which an nft without an answer is killed. Default 2000. */
  timeoutMs?: number;
  /**
   * libedit keeps every line as history and looks through it at each new one (0.6 ms a batch pair at first, 0.9 after
   * 4000 batches), so a child is replaced after this many. Default 500.
   */
  batchesPerChild?: number;
}

export function createNft(o: NftOptions = {}): Nft {
  const { command = ["nft", "-i"], pidFile, timeoutMs = 2000, batchesPerChild = 500 } = o;
  let child: Child | null = null;
  let batches = 0;
  let replaceAt = 0;
  let first: string[] = [];
  let tail: Promise<unknown> = Promise.resolve();
  let staleKilled = false;

  async function execute(commands: string[]): Promise<string> {
    if (child && (child.ended || batches >= replaceAt)) await retire();
    if (!child) {
      child = await start();
      if (first.length > 0) await send(child, first);
    }
    const output = await send(child, commands);
    const errors = errorsIn(output);
    if (errors) throw new NftRefused(`nft refused \`${shortened(commands)}\`: ${errors}`);
    return output;
  }

  function send(to: Child, commands: string[]): Promise<string> {
    batches += 1;
    return exchange(to, `${commands.join("; ")}\n`, `sync_${batches}`, timeoutMs);
  }

  async function start(): Promise<Child> {
    // safety: what an nft of an earlier process still has in its pipe could arm after us (safety.md 1.5).
    if (pidFile && !staleKilled) await killStaleNft(pidFile);
    staleKilled = true;
    const started = spawnNft(command);
    replaceAt = batches + batchesPerChild;
    if (pidFile && started.process.pid) writeFileSync(pidFile, `${started.process.pid}\n`);
    return started;
  }

  async function retire(): Promise<void> {
    const old = child;
    child = null;
    if (!old) return;
    old.process.stdin.end();
    const killer = setTimeout(() => old.process.kill("SIGKILL"), timeoutMs);
    await old.exited;
    clearTimeout(killer);
  }

  const queue = <T>(work: () => Promise<T>): Promise<T> => {
    const result = tail.then(work);
    tail = result.catch(() => {});
    return result;
  };
  return {
    run: (commands) => (commands.length === 0 ? Promise.resolve("") : queue(() => execute(commands))),
    atStart: (commands) => {
      first = commands;
    },
    close: () =>
      queue(async () => {
        await retire();
        if (pidFile) rmSync(pidFile, { force: true });
      }),
  };
}

interface Child {
  process: ChildProcessWithoutNullStreams;
  ended: boolean;
  exited: Promise<void>;
  /** What the batch that is being run wants to hear. */
  onOutput: (text: string) => void;
  onEnd: (how: string) => void;
}

function spawnNft(command: string[]): Child {
  // The shell only joins both outputs in one pipe, so that errors keep their place among the answers.
  const process = spawn("/bin/sh", ["-c", 'exec "$0" "$@" 2>&1', ...command], {
    stdio: ["pipe", "pipe", "pipe"],
    // No history file, whoever's home this is. The unit's settings of malloc, made for Node, would have each batch map
    // and unmap two megabytes.
    env: { PATH: globalThis.process.env.PATH, HOME: "/dev/null" },
  });
  const child: Child = { process, ended: false, exited: Promise.resolve(), onOutput() {}, onEnd() {} };
  child.exited = new Promise((resolve) => {
    const end = (how: string) => {
      child.ended = true;
      child.onEnd(how);
      resolve();
    };
    process.on("exit", (code, signal) =>
      end(signal ? `was ended by ${signal}` : `ended with status ${code}`),
    );
    process.on("error", (error) => end(`could not be started: ${error.message}`));
  });
  process.stdin.on("error", () => {});
  process.stderr.resume();
  process.stdout.setEncoding("utf8").on("data", (text: string) => child.onOutput(text));
  return child;
}

/**
 * Writes one line and the marker, and resolves with what came before the marker's own complaint: nft says nothing at
 * success, but repeats a line that it cannot parse, in order with everything else, without asking the kernel.
 */
function exchange(child: Child, line: string, marker: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    let late = false;
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      child.onOutput = () => {};
      child.onEnd = () => {};
      settle();
    };
    const timer = setTimeout(() => {
      late = true;
      child.process.kill("SIGKILL");
    }, timeoutMs);
    child.onOutput = (text) => {
      output += text;
      const answer = late ? null : beforeMarker(output, marker);
      if (answer !== null) finish(() => resolve(answer));
    };
    child.onEnd = (how) => {
      const why = late ? `did not answer within ${timeoutMs} ms` : `${how}: ${output.trim().slice(-400)}`;
      finish(() => reject(new Error(`nft ${why} (at \`${line.trim().slice(0, 80)}\`)`)));
    };
    if (child.ended) child.onEnd("ended");
    child.process.stdin.write(`${line}${marker}\n`);
  });
}

/** The complaint about the marker is three lines: the error, the line itself, and carets. Null: not there yet. */
function beforeMarker(output: string, marker: string): string | null {
  if (!output.endsWith("\n")) return null;
  const echoed = output.indexOf(`\n${marker}\n`);
  if (echoed === -1 || echoed + marker.length + 2 === output.length) return null;
  return output.slice(0, output.lastIndexOf("\n", echoed - 1) + 1);
}

function errorsIn(output: string): string | null {
  const errors = output.split("\n").filter((line) => line.startsWith("Error: "));
  return errors.length === 0 ? null : errors.join(", ");
}

function shortened(commands: string[]): string {
  const text = commands.join("; ");
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}
