import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";

const SOCKET = "/run/docker.sock";
const PID_FILE = "/run/docker.pid";
const ANSWER_MS = 2_000;
/** A daemon that nobody has used yet is started by the first question, and one that was restarted looks through all it has. */
const START_MS = 20_000;
/** What did not answer is taken not to work for so long: each command would wait for it again. */
const SILENT_MS = 2_000;

/**
 * Returns a function that rejects where the daemon does not answer. Its commands wait for one that hangs as long as they
 * are let, and would be carried out late.
 */
export function createDaemonCheck({ socketPath = SOCKET, pidFile = PID_FILE } = {}): () => Promise<void> {
  let silent: { until: number; fault: Error } | null = null;
  /** The daemon that has answered. */
  let known: string | null = null;
  return async () => {
    // The command itself says best that there is no docker, or that it is somewhere else.
    if (!existsSync(socketPath)) return;
    if (silent && performance.now() < silent.until) throw silent.fault;
    silent = null;
    try {
      await ping(socketPath, known !== null && known === pidIn(pidFile) ? ANSWER_MS : START_MS);
      known = pidIn(pidFile);
    } catch (error) {
      const fault = new Error(`docker's daemon ${(error as Error).message}; see "systemctl status docker"`);
      silent = { until: performance.now() + SILENT_MS, fault };
      throw fault;
    }
  };
}

function pidIn(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}

function ping(socketPath: string, limitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: "/_ping", agent: false, headers: { host: "docker" } });
    const late = setTimeout(() => {
      asked.destroy(new Error(`does not answer within ${limitMs / 1000} s`));
    }, limitMs);
    asked.on("response", (answer) => {
      clearTimeout(late);
      answer.resume();
      if (answer.statusCode === 200) resolve();
      else reject(new Error(`answers with status ${answer.statusCode}`));
    });
    asked.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(late);
      reject(error.code ? new Error(`cannot be reached (${error.code})`) : error);
    });
    asked.end();
  });
}
