import { etcdctl } from "../commands/etcd";
import { canonical, keysOf, type Policy } from "../contract";
import type { EtcdAdmin } from "./admin";

/** Writes the policy where all agents of the group read it, unless it stands there. */
export async function writePolicy(etcd: EtcdAdmin, policy: Policy): Promise<void> {
  const key = keysOf(policy.group).policy;
  const wanted = canonical(policy);
  const { stdout } = await etcd.run(["get", key, "--print-value-only"]);
  if (stdout.trim() !== wanted) await etcd.run(etcdctl.put(key), { stdin: wanted });
}
