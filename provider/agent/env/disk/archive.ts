import { type ChildProcess, spawn } from "node:child_process";
import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { packArgv, unpackArgv } from "./archive-args";

const STDERR_CHARS = 2000;

/** The folder's entries as a compressed tar stream. Destroying the stream ends the packing. */
export function pack(folder: string, entries: string[]): Readable {
  const [command, ...argv] = packArgv(folder, entries);
  const child = spawn(command!, argv, { stdio: ["ignore", "pipe", "pipe"] });
  const stream = new PassThrough();
  // Node discards what a process has written and nobody reads yet when it exits, and the reader may come later.
  child.stdout.pipe(stream, { end: false });
  childEnded(child, "tar").then(
    () => stream.end(),
    (error) => stream.destroy(error),
  );
  stream.once("close", () => child.kill("SIGKILL"));
  // It may break before anybody reads it; the reader then finds it broken.
  stream.on("error", () => {});
  return stream;
}

/** Unpack a compressed tar stream into a folder; rejects with the last lines of tar's and zstd's complaints. */
export async function unpack(stream: Readable, folder: string, signal: AbortSignal): Promise<void> {
  const [command, ...argv] = unpackArgv(folder);
  const child = spawn(command!, argv, { stdio: ["pipe", "ignore", "pipe"] });
  let sendersFault: unknown;
  const feed = pipeline(stream, child.stdin, { signal }).catch((error) => {
    // What tar says explains a broken pipe; where the sender failed, tar only waits for more.
    if (error.code === "EPIPE" || !isAlive(child)) return;
    sendersFault = error;
    child.kill("SIGKILL");
  });
  const [exit] = await Promise.allSettled([childEnded(child, "tar"), feed]);
  if (sendersFault) throw sendersFault;
  if (exit.status === "rejected") throw exit.reason;
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Rejects with the last lines of its complaints, under the name of `program`, unless it succeeds. */
export function childEnded(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let stderr = "";
    child.stderr!.setEncoding("utf8");
    child.stderr!.on("data", (text: string) => {
      stderr = (stderr + text).slice(-STDERR_CHARS);
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${signal ?? code}: ${stderr.trim() || "no message"}`));
    });
  });
}
