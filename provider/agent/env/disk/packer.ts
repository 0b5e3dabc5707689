import { type ChildProcess, spawn } from "node:child_process";
import type { FileHandle } from "node:fs/promises";

/**
 * Compression in a process of its own: memory that pieces of such size are given and taken back in this process would
 * cost it more processor time in collections than the compression itself.
 */
const PACK = ["zstd", "-1", "-q", "-c"] as const;
const UNPACK = ["zstd", "-d", "-q", "-c"] as const;
const STDERR_CHARS = 2000;

export interface Packer {
  /** Takes data, which may be used again once this has ended, and gives what is compressed by now. */
  push(data: Buffer): AsyncGenerator<Buffer>;
  /** Gives the rest. Throws when the compression failed. */
  end(): AsyncGenerator<Buffer>;
  destroy(): void;
}

/** Compresses this whole file, of which nothing was read in order yet, or what is pushed. */
export function createPacker(file?: FileHandle): Packer {
  const [command, ...argv] = PACK;
  const child = spawn(command, argv, { stdio: [file?.fd ?? "pipe", "pipe", "pipe"] });
  const { stdin, ended } = begun(child, command);
  const stdout = child.stdout!;
  let wake = () => {};
  stdout.on("readable", () => wake());

  return {
    async *push(data) {
      if (data.length === 0) return;
      let taken = false;
      let fault: Error | null | undefined;
      stdin!.write(data, (error) => {
        taken = true;
        fault = error;
        wake();
      });
      for (;;) {
        for (let some = stdout.read(); some !== null; some = stdout.read()) yield some as Buffer;
        if (taken) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (!fault) return;
      // What it says of its end explains a broken pipe.
      await ended;
      throw fault;
    },
    async *end() {
      stdin?.end();
      yield* stdout as AsyncIterable<Buffer>;
      await ended;
    },
    destroy: () => void child.kill("SIGKILL"),
  };
}

export interface Unpacker {
  push(data: Buffer[]): Promise<void>;
  /** Resolves when all of it is in the file; rejects where the stream was no whole one. */
  end(): Promise<void>;
  destroy(): void;
}

/** Writes what comes out into the file. */
export function createUnpacker(file: FileHandle): Unpacker {
  const [command, ...argv] = UNPACK;
  const child = spawn(command, argv, { stdio: ["pipe", file.fd, "pipe"] });
  const { stdin, ended } = begun(child, command);
  let wake = () => {};
  stdin!.on("drain", () => wake());
  let over = false;
  const onEnd = () => {
    over = true;
    wake();
  };
  ended.then(onEnd, onEnd);

  return {
    async push(data) {
      stdin!.cork();
      for (const chunk of data) stdin!.write(chunk);
      stdin!.uncork();
      // Not for its pipe to break: what it says of its end explains that.
      while (!over && stdin!.writableNeedDrain)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      if (over) await ended;
    },
    async end() {
      stdin!.end();
      await ended;
    },
    destroy: () => void child.kill("SIGKILL"),
  };
}

/** `ended` rejects with the last lines of its complaints, under the name of `program`, unless it succeeds. */
function begun(child: ChildProcess, program: string) {
  const ended = new Promise<void>((resolve, reject) => {
    // First of all: one that could not be started has nothing else to listen to.
    child.once("error", reject);
    let stderr = "";
    child.stderr!.setEncoding("utf8");
    child.stderr!.on("data", (text: string) => {
      stderr = (stderr + text).slice(-STDERR_CHARS);
    });
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${signal ?? code}: ${stderr.trim() || "no message"}`));
    });
  });
  ended.catch(() => {});
  child.stdin?.on("error", () => {});
  return { stdin: child.stdin, ended };
}
