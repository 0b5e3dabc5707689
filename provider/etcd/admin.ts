import { randomBytes } from "node:crypto";
import type { KeyPair } from "../certificates/issue";
import { paths } from "../contract";
import type { RunOptions, RunResult } from "../ssh/exec";
import { quoteArgv } from "../ssh/quote";
import type { HostSession } from "../ssh/session";

/** etcd as its root user, through etcdctl on one of the hosts. */
export interface EtcdAdmin {
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Several commands in one go, ended by the first that fails. */
  batch(commands: readonly (readonly string[])[]): Promise<string>;
  /** Resolves when a read through the cluster's majority succeeds; false when none did within the time. */
  hasQuorum(timeoutMs: number): Promise<boolean>;
}

/**
 * Works as root on etcd. The certificate lies on the host only meanwhile, in /run and readable by root alone; what an
 * interrupted run left is removed as well (it was valid for hours only).
 */
export async function withAdmin<T>(
  o: { host: HostSession; endpoints: readonly string[]; admin: KeyPair },
  work: (etcd: EtcdAdmin) => Promise<T>,
): Promise<T> {
  const folder = `${paths.run}/admin-${randomBytes(6).toString("hex")}`;
  await o.host.script(OPEN_SCRIPT, {
    args: [folder, paths.run],
    stdin: `${o.admin.cert}${o.admin.key}`,
    label: "prepare etcdctl",
  });
  const prefix = [
    "etcdctl",
    `--endpoints=${o.endpoints.join(",")}`,
    `--cacert=${paths.tls.ca}`,
    `--cert=${folder}/admin.pem`,
    `--key=${folder}/admin.pem`,
    "--dial-timeout=3s",
    "--command-timeout=10s",
  ];
  const label = (args: readonly string[]) => `etcdctl ${quoteArgv(args)}`;
  try {
    return await work({
      run: (args, options) => o.host.run([...prefix, ...args], { label: label(args), ...options }),
      async batch(commands) {
        if (commands.length === 0) return "";
        const lines = commands.map((args) => quoteArgv([...prefix, ...args]));
        const { stdout } = await o.host.script(["set -e", ...lines].join("\n"), {
          label: commands.map(label).join("; ").slice(0, LABEL_LENGTH),
        });
        return stdout;
      },
      async hasQuorum(timeoutMs) {
        const { code } = await o.host.script(WAIT_SCRIPT, {
          args: [
            String(Math.ceil(timeoutMs / 1000)),
            ...prefix,
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
    });
  } finally {
    await o.host.run(["rm", "-rf", "--", folder]).catch(() => {});
  }
}

const LABEL_LENGTH = 200;

/** Input: certificate and key, one after the other (both options take the same file). */
const OPEN_SCRIPT = `
set -eu
umask 077
find "$2" -mindepth 1 -maxdepth 1 -name 'admin-*' -mmin +60 -exec rm -rf {} + 2>/dev/null || true
mkdir -p -- "$1"
cat >"$1/admin.pem"`;

const WAIT_SCRIPT = `
end=$(($(date +%s) + $1)); shift
until "$@" >/dev/null 2>&1; do
  [ "$(date +%s)" -ge "$end" ] && exit 1
  sleep 0.1
done`;
