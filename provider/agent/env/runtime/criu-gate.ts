import { constants, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "./exec";

/**
 * CRIU asks for its configuration before it looks at anything else. Where that file is a pipe it waits there, set up
 * by engine and runc and with nothing read or stopped yet, until somebody writes.
 */
export async function makeCriuGate(file: string, ...others: string[]): Promise<void> {
  for (const path of [file, ...others]) rmSync(path, { force: true });
  await run(["mkfifo", "-m", "600", file, ...others]);
}

const LOOK_MS = 2;

/** Resolves as soon as CRIU waits there; null: what would have run it is `over`. */
export async function untilCriuWaits(file: string, over: () => boolean): Promise<FileHandle | null> {
  while (!over()) {
    try {
      return await open(file, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      // Nobody reads it yet.
      if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
      await sleep(LOOK_MS);
    }
  }
  return null;
}

/** Lets CRIU go on with this configuration. */
export async function passCriu(gate: FileHandle, config: string): Promise<void> {
  await gate.write(config).finally(() => gate.close());
}

/** Makes CRIU give up before it has read or stopped anything: it knows no such option. */
export async function refuseCriu(gate: FileHandle): Promise<void> {
  await passCriu(gate, "given-up\n");
}
