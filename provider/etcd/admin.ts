import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import type { KeyPair } from "../certificates/issue";
import { paths } from "../contract";
import type { RunOptions, RunResult } from "../ssh/exec";
import { quoteArgv } from "../ssh/quote";
import type { HostSession } from "../ssh/session";

/** etcd with all rights that the group needs, through etcdctl on one of the hosts. */
export interface EtcdAdmin {
  run(args: readonly string[], options?: EtcdOptions): Promise<RunResult>;
  /** Several commands in one go, ended by the first that fails. */
  batch(commands: readonly (readonly string[])[]): Promise<string>;
  /** Resolves when a read through the cluster's majority succeeds; false when none did within the time. */
  hasQuorum(timeoutMs: number): Promise<boolean>;
  /** From now on only these endpoints are asked; none: as before. */
  ask(endpoints: readonly string[]): void;
}

export interface EtcdOptions extends RunOptions {
  /** Asks these for once. */
  endpoints?: readonly string[];
}

/**
 * Works as root on etcd. The certificate lies on the host only as long as this connection to it: in /run, readable by
 * root alone, removed when we are done and also when we are killed. It is valid for hours only.
 */
export async function withAdmin<T>(
  o: {
    host: HostSession;
    endpoints: readonly string[];
    admin: KeyPair;
    /** File on the host with the authorities of etcd's certificates. @default the group's own */
    ca?: string;
  },
  work: (etcd: EtcdAdmin) => Promise<T>,
): Promise<T> {
  const folder = `${paths.run}/admin-${randomBytes(6).toString("hex")}`;
  const pem = `${o.admin.cert}${o.admin.key}`;
  const held = new PassThrough();
  held.write(pem);
  const holding = o.host.script(HOLD_SCRIPT, {
    args: [folder, String(Buffer.byteLength(pem))],
    stdin: held,
    timeoutMs: HOLD_TIMEOUT_MS,
    label: "keep etcd's administrator certificate",
  });
  const failed = holding.then(
    () => undefined,
    (error: unknown) => error,
  );
  await o.host
    .script(WAIT_FOR_FILE_SCRIPT, { args: [folder], label: "prepare etcdctl", timeoutMs: 30_000 })
    .catch(async (error) => {
      held.end();
      throw (await failed) ?? error;
    });
  let asked = o.endpoints;
  const prefix = (endpoints = asked) => [
    "etcdctl",
    `--endpoints=${endpoints.join(",")}`,
    `--cacert=${o.ca ?? paths.tls.ca}`,
    `--cert=${folder}/admin.pem`,
    `--key=${folder}/admin.pem`,
    "--dial-timeout=3s",
    "--command-timeout=10s",
  ];
  const label = (args: readonly string[]) => `etcdctl ${quoteArgv(args)}`;
  try {
    return await work({
      run: (args, { endpoints, ...options } = {}) =>
        o.host.run([...prefix(endpoints), ...args], { label: label(args), ...options }),
      async batch(commands) {
        if (commands.length === 0) return "";
        const lines = commands.map((args) => quoteArgv([...prefix(), ...args]));
        const { stdout } = await o.host.script(["set -e", ...lines].join("\n"), {
          label: commands.map(label).join("; ").slice(0, LABEL_LENGTH),
        });
        return stdout;
      },
      async hasQuorum(timeoutMs) {
        const { code } = await o.host.script(WAIT_SCRIPT, {
          args: [
            String(Math.ceil(timeoutMs / 1000)),
            ...prefix(),
            "--command-timeout=2s",
            "get",
            "quorum-probe",
          ],
          check: false,
          timeoutMs: timeoutMs + 30_000,
          label: "wait for etcd's quorum",
        });
        return code === 0;
      },
      ask(endpoints) {
        if (endpoints.length > 0) asked = endpoints;
      },
    });
  } finally {
    held.end();
    await failed;
  }
}

const LABEL_LENGTH = 200;

/** Longer than any operation. */
const HOLD_TIMEOUT_MS = 60 * 60_000;

/** Input: `$2` bytes of certificate and key (both options take the same file), then nothing until its end. */
const HOLD_SCRIPT = `
set -eu
umask 077
mkdir -p -- "$1"
trap 'rm -rf -- "$1"' EXIT
trap 'exit 1' HUP INT TERM
head -c "$2" >"$1/new.pem"
mv "$1/new.pem" "$1/admin.pem"
cat >/dev/null`;

const WAIT_FOR_FILE_SCRIPT = `until [ -f "$1/admin.pem" ]; do sleep 0.02; done`;

const WAIT_SCRIPT = `
end=$(($(date +%s) + $1)); shift
until "$@" >/dev/null 2>&1; do
  [ "$(date +%s)" -ge "$end" ] && exit 1
  sleep 0.1
done`;
