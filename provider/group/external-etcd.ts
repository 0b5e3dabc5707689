import { keysOf, paths } from "../contract";
import { UserError } from "../errors";
import { type EtcdAdmin, withAdmin } from "../etcd/admin";
import { writePolicy } from "../etcd/policy-record";
import type { Fleet } from "../fleet";
import { mayGiveUp } from "../resources/unreachable";
import type { HostSession } from "../ssh/session";
import type { ExternalEtcd } from "./etcd-inputs";
import { type GroupFiles, writeFiles } from "./group-files";
import { installEtcd } from "./install-etcd";
import type { GroupInputs } from "./schema";

const QUORUM_MS = 10_000;

/** The hosts' files, and the policy in an etcd that somebody else runs. */
export async function syncWithExternalEtcd(
  files: GroupFiles,
  { external, log }: { external: ExternalEtcd; log(line: string): void },
): Promise<void> {
  const { hosts, views, policy, inputs } = files;
  await installEtcd(hosts, "etcdctl", { views, log });
  // safety: a certificate of a new authority only when every host trusts that one, or they refuse each other.
  for (const stage of ["accept", "use"] as const) await writeFiles(files, stage);
  await withExternalEtcd([...hosts.values()][0]!, external, async (etcd) => {
    if (!(await etcd.hasQuorum(QUORUM_MS))) throw await unavailable(etcd, external);
    await claimName(etcd, { group: policy.group, stack: inputs.stack });
    await writePolicy(etcd, policy);
  });
}

/** Works on it with the certificate that was given, from a host that has the group's files. */
export function withExternalEtcd<T>(
  host: HostSession,
  { endpoints, cert, key }: ExternalEtcd,
  work: (etcd: EtcdAdmin) => Promise<T>,
): Promise<T> {
  return withAdmin({ host, endpoints, admin: { cert, key }, ca: paths.externalEtcdTls.ca }, work);
}

/** Whether it has a quorum, seen from one of the hosts. */
export async function externalEtcdAnswers({ hosts }: Fleet, external: ExternalEtcd): Promise<boolean> {
  const [host] = hosts.values();
  return host !== undefined && withExternalEtcd(host, external, (etcd) => etcd.hasQuorum(QUORUM_MS));
}

/** Its records there go before the certificates that lead to them; who has none of those has left already. */
export async function leaveExternalEtcd(
  { hosts }: Fleet,
  { etcd: { external }, name: group, stack, deleteUnreachable }: GroupInputs,
  log: (line: string) => void,
): Promise<void> {
  if (!external) return;
  for (const host of hosts.values()) {
    if ((await host.readFile(paths.externalEtcdTls.ca)) === null) continue;
    return withExternalEtcd(host, external, (etcd) => forgetGroup(etcd, { group, stack })).catch(
      (error: Error) => {
        if (!mayGiveUp(deleteUnreachable)) throw error;
        log(`warning: ${error.message} What the group has in etcd below /ha/${group}/ stays there.`);
      },
    );
  }
}

/** What the group wrote goes with the group; a group of that name of another stack is not touched. */
export async function forgetGroup(etcd: EtcdAdmin, own: { group: string; stack: string }): Promise<void> {
  if ((await holderOf(etcd, own.group)) === own.stack)
    await etcd.run(["del", "--prefix", keysOf(own.group).prefix]);
}

/** safety: two groups that write the same records would take each other's containers. The first one has the name. */
export async function claimName(
  etcd: EtcdAdmin,
  { group, stack }: { group: string; stack: string },
): Promise<void> {
  const { claim } = keysOf(group);
  await etcd.run(["txn"], { stdin: `version("${claim}") = "0"\n\nput ${claim} ${stack}\n\n\n` });
  const holder = await holderOf(etcd, group);
  if (holder === stack) return;
  throw new UserError(
    `etcd.external: it has a group "${group}" already, of stack ${holder}: give this one another name`,
  );
}

async function holderOf(etcd: EtcdAdmin, group: string): Promise<string> {
  return (await etcd.run(["get", keysOf(group).claim, "--print-value-only"])).stdout.trim();
}

/** With the last words of etcdctl. */
async function unavailable(etcd: EtcdAdmin, { endpoints }: ExternalEtcd): Promise<UserError> {
  const { stderr } = await etcd.run(["get", "quorum-probe"], { check: false });
  return new UserError(
    `etcd.external: no majority answers at ${endpoints.join(", ")} within ${QUORUM_MS / 1000} s: ${lastLine(stderr)}\n` +
      "Check that it runs, that the hosts reach it, and that its certificates name these addresses.",
  );
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) || "etcdctl says nothing";
}
