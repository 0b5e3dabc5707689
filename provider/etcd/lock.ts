import { randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import { etcdctl, txnText } from "../commands/etcd";
import { keysOf, type Lock, lockSchema, parseJson } from "../contract";
import { UserError } from "../errors";
import type { EtcdAdmin } from "./admin";

/**
 * One `up` of a group at a time, also from two machines. The lock ends by itself soon after its holder died; one that
 * a dead process of this machine left is taken over at once.
 */
export async function withGroupLock<T>(
  o: { etcd: EtcdAdmin; group: string; stack: string },
  work: () => Promise<T>,
): Promise<T> {
  const key = keysOf(o.group).lock;
  const lease = /lease ([0-9a-f]+) granted/.exec(
    (await o.etcd.run(etcdctl.grantLease(TTL_SECONDS))).stdout,
  )?.[1];
  if (!lease) throw new Error("etcd granted no lease for the lock");
  await take({ ...o, key, lease });
  const refresh = setInterval(() => {
    o.etcd.run(etcdctl.refreshLease(lease)).catch(() => {}); // its loss shows as the lock's end, not as ours
  }, REFRESH_MS);
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    await o.etcd.run(etcdctl.revokeLease(lease)).catch(() => {});
  }
}

const TTL_SECONDS = 60;
const REFRESH_MS = 15_000;

async function take(o: { etcd: EtcdAdmin; stack: string; key: string; lease: string }): Promise<void> {
  const own: Lock = {
    by: holderText(o.stack),
    token: randomUUID(),
    until: new Date(Date.now() + TTL_SECONDS * 1000).toISOString(),
  };
  const put = `put --lease=${o.lease} ${o.key} ${quoted(JSON.stringify(own))}`;
  let compare = `mod("${o.key}") = "0"`;
  for (let attempt = 0; attempt < 3; attempt++) {
    const { stdout } = await o.etcd.run(etcdctl.txn(), {
      stdin: txnText({ compares: [compare], ifTrue: [put], ifFalse: [`get ${o.key}`] }),
      label: "etcdctl txn (take the group's lock)",
    });
    if (stdout.startsWith("SUCCESS")) return;
    const text = stdout.trim().split("\n").at(-1)!;
    const holder = parseJson(lockSchema, text, "the group's lock");
    if (!isOfDeadProcess(holder.by)) throw new UserError(heldText(holder));
    compare = `value("${o.key}") = ${quoted(text)}`;
  }
  throw new UserError(
    "the group's lock changes hands all the time: another `up` of this group is running; run this again afterwards",
  );
}

function heldText(holder: Lock): string {
  return (
    `another operation on this group is running: ${holder.by}. Run this again when it has ended; ` +
    `if it died, its lock ends by itself within ${TTL_SECONDS} s.`
  );
}

/** What etcdctl's interactive text takes for one word. */
function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function holderText(stack: string): string {
  return `stack ${stack} by ${userInfo().username}@${hostname()} (process ${process.pid})`;
}

function isOfDeadProcess(by: string): boolean {
  const found = /@(\S+) \(process (\d+)\)$/.exec(by);
  if (!found || found[1] !== hostname()) return false;
  try {
    process.kill(Number(found[2]), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
