import { Client, type ClientChannel } from "ssh2";
import type { RunOptions, RunResult } from "./run";

/** Where and how a host is reached; the same facts a Pulumi program needs for its connection. */
export interface RemoteTarget {
  name: string;
  address: string;
  port: number;
  user: string;
  privateKey: string;
  /** The host's public key as `type base64`; another one is refused. */
  hostKey: string;
}

/** One ssh connection to a host, opened when first used and again after the host was away. */
export interface Remote {
  /** Runs a shell command; one that fails is a result. An unreachable host is an error. */
  tryExec(command: string, options?: RunOptions): Promise<RunResult>;
  close(): void;
}

export function remote(target: RemoteTarget): Remote {
  let connection: Promise<Client> | undefined;

  const connected = (): Promise<Client> => {
    connection ??= connect(target, () => {
      connection = undefined;
    }).catch((error) => {
      connection = undefined;
      throw error;
    });
    return connection;
  };

  return {
    async tryExec(command, options = {}) {
      return execOn(await connected(), { target, command, options });
    },
    close() {
      connection?.then((client) => client.destroy()).catch(() => undefined);
      connection = undefined;
    },
  };
}

function connect(target: RemoteTarget, onClose: () => void): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.on("ready", () => resolve(client));
    client.on("error", (cause) =>
      reject(new Error(`ssh ${target.user}@${target.address} (${target.name}): ${cause.message}`, { cause })),
    );
    client.on("close", onClose);
    const expected = Buffer.from(target.hostKey.split(" ")[1] ?? "", "base64");
    client.connect({
      host: target.address,
      port: target.port,
      username: target.user,
      privateKey: target.privateKey,
      hostVerifier: (key: Buffer) => key.equals(expected),
      readyTimeout: 5000,
      keepaliveInterval: 2000,
      keepaliveCountMax: 2,
    });
  });
}

function execOn(
  client: Client,
  { target, command, options }: { target: RemoteTarget; command: string; options: RunOptions },
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const timeoutMs = options.timeoutMs ?? 60_000;
    const fail = (why: string) => reject(new Error(`${target.name}: ${command}: ${why}`));
    const onClose = () => fail("the connection broke before the command ended");
    client.once("close", onClose);
    client.exec(command, (error, channel: ClientChannel) => {
      if (error) return fail(error.message);
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      const timer = setTimeout(() => {
        fail(`not finished within ${timeoutMs} ms`);
        channel.close();
      }, timeoutMs);
      channel.on("data", (chunk: Buffer) => stdout.push(chunk));
      channel.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
      let code: number | null = null;
      channel.on("exit", (status: number | null) => {
        code = status;
      });
      channel.on("close", () => {
        clearTimeout(timer);
        client.off("close", onClose);
        resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
      });
      channel.end(options.input ?? "");
    });
  });
}
