import { spawn } from "node:child_process";
import { once } from "node:events";
import type { FileHandle } from "node:fs/promises";
import { childEnded } from "./archive";

/**
 * Compression in a process of its own: memory that pieces of such size are given and taken back in this process would
 * cost it more processor time in collections than the compression itself.
 */
const PACK = ["zstd", "-1", "-q", "-c"] as const;
const UNPACK = ["zstd", "-d", "-q", "-c"] as const;

export interface Packer {
  /** Takes data, which may be used again once this has ended, and gives what is compressed by now. */
  push(data: Buffer): AsyncGenerator<Buffer>;
  /** Gives the rest. Throws when the compression failed. */
  end(): AsyncGenerator<Buffer>;
  destroy(): void;
}

export function createPacker(): Packer {
  const [command, ...argv] = PACK;
  const child = spawn(command, argv, { stdio: ["pipe", "pipe", "pipe"] });
  const ended = childEnded(child, command);
  ended.catch(() => {});
  child.stdin.on("error", () => {});

  return {
    async *push(data) {
      let taken = false;
      const written = new Promise<void>((resolve, reject) =>
        child.stdin.write(data, (error) => (error ? reject(error) : resolve())),
      ).finally(() => {
        taken = true;
      });
      written.catch(() => {});
      for (;;) {
        for (let some = child.stdout.read(); some !== null; some = child.stdout.read()) yield some as Buffer;
        if (taken) break;
        const readable = new AbortController();
        const more = once(child.stdout, "readable", { signal: readable.signal }).catch(() => {});
        await Promise.race([written, more]);
        readable.abort();
      }
      await written;
    },
    async *end() {
      child.stdin.end();
      yield* child.stdout as AsyncIterable<Buffer>;
      await ended;
    },
    destroy: () => void child.kill("SIGKILL"),
  };
}

export interface Unpacker {
  push(data: Buffer): Promise<void>;
  /** Resolves when all of it is in the file; rejects where the stream was no whole one. */
  end(): Promise<void>;
  destroy(): void;
}

/** Writes what comes out into the file. */
export function createUnpacker(file: FileHandle): Unpacker {
  const [command, ...argv] = UNPACK;
  const child = spawn(command, argv, { stdio: ["pipe", file.fd, "pipe"] });
  const ended = childEnded(child, command);
  ended.catch(() => {});
  child.stdin!.on("error", () => {});

  return {
    async push(data) {
      if (child.stdin!.write(data)) return;
      await Promise.race([once(child.stdin!, "drain"), ended]);
    },
    async end() {
      child.stdin!.end();
      await ended;
    },
    destroy: () => void child.kill("SIGKILL"),
  };
}
