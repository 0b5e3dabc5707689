import { commandError } from "../errors";
import { type ConnectionArgs, connectionName, parseConnection } from "./connection-args";
import { secretsOf } from "./credentials";
import { type RunOptions, type RunResult, run, runScript, type ScriptOptions, type Session } from "./exec";
import { type Forward, openForward } from "./forward";
import type { SeenKey } from "./host-key";
import { acquire } from "./pool";
import { type UploadArgs, type UploadResult, uploadFile } from "./upload";

/** A host that is connected, as handlers use it. */
export interface HostSession extends Session {
  /** The key the host showed: `SHA256:...` and the line to use as `hostKey`. */
  readonly hostKey: SeenKey;
  /** Runs a command, its words exactly as given. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Runs a POSIX shell script with arguments. */
  script(script: string, options?: ScriptOptions): Promise<RunResult>;
  upload(args: UploadArgs): Promise<UploadResult>;
  /** The text of a file, or null where there is none. */
  readFile(path: string): Promise<string | null>;
  /** A local port on 127.0.0.1 that leads to an address seen from the host; closed with the session. */
  forward(target: { host: string; port: number }): Promise<Forward>;
}

export interface WithHostOptions {
  /** Milliseconds to get connected, all attempts and proxies together. @default 120000 */
  deadlineMs?: number;
}

/** Connects (or shares the connection this process has), works, and gives the connection back. */
export async function withHost<T>(
  args: ConnectionArgs,
  work: (host: HostSession) => Promise<T>,
  options: WithHostOptions = {},
): Promise<T> {
  const connection = parseConnection(args);
  const pooled = acquire(connection, options);
  const forwards: Forward[] = [];
  try {
    const { hostKey } = await pooled.link();
    const session: Session = {
      name: connectionName(connection),
      user: connection.user,
      sudo: connection.sudo,
      secrets: secretsOf(connection),
      link: pooled.link,
    };
    return await work({
      ...session,
      hostKey,
      run: (argv, runOptions) => run(session, argv, runOptions),
      script: (script, scriptOptions) => runScript(session, script, scriptOptions),
      upload: (upload) => uploadFile(session, upload),
      readFile: (path) => readFile(session, path),
      async forward(target) {
        const forward = await openForward(session, target);
        forwards.push(forward);
        return forward;
      },
    });
  } finally {
    for (const forward of forwards) forward.close();
    pooled.release();
  }
}

async function readFile(session: Session, path: string): Promise<string | null> {
  const argv = ["cat", "--", path];
  const { code, stdout, stderr } = await run(session, argv, { check: false });
  if (code === 0) return stdout;
  if (/No such file or directory/.test(stderr)) return null;
  const { name: host, user, sudo } = session;
  throw commandError({ host, user, sudo, label: argv.join(" "), code, signal: null, output: stderr });
}
