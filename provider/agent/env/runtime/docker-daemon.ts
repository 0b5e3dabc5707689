import { existsSync } from "node:fs";
import { request } from "node:http";

const SOCKET = "/run/docker.sock";
const ANSWER_MS = 2_000;
/** What did not answer is taken not to work for so long: each command would wait for it again. */
const SILENT_MS = 2_000;

/**
 * Returns a function that rejects where the daemon does not answer. Its commands wait for one that hangs as long as they
 * are let, and would be carried out late.
 */
export function createDaemonCheck(socketPath = SOCKET): () => Promise<void> {
  let silent: { until: number; fault: Error } | null = null;
  return async () => {
    // The command itself says best that there is no docker, or that it is somewhere else.
    if (!existsSync(socketPath)) return;
    if (silent && performance.now() < silent.until) throw silent.fault;
    silent = null;
    try {
      await ping(socketPath);
    } catch (error) {
      const fault = new Error(
        `docker does not work on this host: its daemon ${(error as Error).message}; see "systemctl status docker"`,
      );
      silent = { until: performance.now() + SILENT_MS, fault };
      throw fault;
    }
  };
}

function ping(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: "/_ping", agent: false, headers: { host: "docker" } });
    const late = setTimeout(() => {
      asked.destroy(new Error(`does not answer within ${ANSWER_MS / 1000} s`));
    }, ANSWER_MS);
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
