import { spawn } from "node:child_process";
import { basename } from "node:path";
import type { Fencing } from "../env";
import { signalProcess } from "./signal";

/** A command that has not ended by then has failed. */
const LIMIT_MS = 60_000;
const SHOWN_BYTES = 300;

/** Runs the fencing command as a process group of its own, so that whatever it started ends with it. */
export function createFencing({ limitMs = LIMIT_MS } = {}): Fencing {
  return {
    switchOff: ([program = "", ...args]) =>
      new Promise((resolve, reject) => {
        const name = basename(program);
        // Arguments and what it writes to standard output may hold secrets; only its complaints are shown.
        const child = spawn(program, args, { detached: true, stdio: ["ignore", "ignore", "pipe"] });
        let complaint = "";
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          complaint = (complaint + text).slice(-SHOWN_BYTES);
        });
        const timer = setTimeout(() => {
          // safety: negative: the whole group, and never group 0, which is the agent's own.
          if (child.pid) signalProcess(-child.pid, "SIGKILL");
          reject(new Error(`${name} did not end within ${limitMs / 1000} s and was killed`));
        }, limitMs);
        child.once("error", (error: NodeJS.ErrnoException) => {
          clearTimeout(timer);
          const why =
            error.code === "ENOENT"
              ? "is not installed on this host"
              : `could not be started (${error.message})`;
          reject(new Error(`${name} ${why}`));
        });
        child.once("exit", (code, signal) => {
          clearTimeout(timer);
          if (code === 0) return resolve();
          const how = code === null ? `was ended by ${signal}` : `failed with exit status ${code}`;
          const last = complaint.trim().split("\n").at(-1);
          reject(new Error(`${name} ${how}${last ? `: ${last}` : ""}`));
        });
      }),
  };
}
