import { type Fence, keysOf, type Rebuilt } from "../../../contract";
import type { Txn } from "../../env";
import type { GroupView } from "../../view";
import type { Plan } from "./plan";

/**
 * How far the revision is raised. safety: hosts that are alive may have seen revisions of the cluster that is given up
 * which this voter never knew. None of theirs may mean something else now, and their stores refuse answers that are
 * older than what they have seen.
 */
export const SKIPPED_REVISIONS = 1000;

/** Written while nobody else reaches the rebuilt cluster: which it is, and whose sessions ended. */
export function recoverTxns(plan: Plan, o: { rebuilt: Rebuilt; at: string }): { mark: Txn; fences: Txn[] } {
  const keys = keysOf(plan.group);
  const fence = (confirmedOff: boolean): Fence => ({
    by: `an operator on ${plan.host}, who rebuilt the group`,
    method: "operator",
    at: o.at,
    ...(confirmedOff ? { confirmedOff: true } : {}),
  });
  return {
    mark: { compares: [], writes: [{ put: keys.rebuilt, value: JSON.stringify(o.rebuilt) }] },
    fences: plan.fences.map(({ host, sid, confirmedOff }) => ({
      compares: [{ key: keys.fence(host, sid), modRevision: 0 }],
      writes: [{ put: keys.fence(host, sid), value: JSON.stringify(fence(confirmedOff)) }],
    })),
  };
}

/**
 * safety: the own session goes on under another text. What this host writes from now on is refused by the cluster that
 * was given up, should voters of it run again, as every write compares this text.
 */
export function renamedSession(plan: Plan, view: GroupView): { record: string; txn: Txn } | null {
  const session = view.hosts.get(plan.host)?.session;
  if (!session) return null;
  const record = JSON.stringify({ ...session.value, rebuilt: plan.number });
  const key = keysOf(plan.group).session(plan.host);
  return {
    record,
    txn: { compares: [{ key, value: session.text }], writes: [{ put: key, value: record }] },
  };
}
