import { type Fence, keysOf, type Owner, type Rebuilt } from "../../../contract";
import type { Txn } from "../../env";
import type { GroupView } from "../../view";
import type { Plan } from "./plan";

/**
 * How far the revision is raised. safety: hosts that are alive may have seen revisions of the cluster that is given up
 * which this voter never knew. None of theirs may mean something else now, and their stores refuse answers that are
 * older than what they have seen.
 */
export const SKIPPED_REVISIONS = 1000;

/**
 * How far each container's epoch is raised. safety: what was begun, or written to a disk, in the cluster that is given up
 * must be older than everything from now on, also what this voter never knew of.
 */
export const SKIPPED_EPOCHS = 1000;

/** Written while nobody else reaches the rebuilt cluster: which it is, whose sessions ended, and new epochs. */
export function recoverTxns(
  plan: Plan,
  { rebuilt, view }: { rebuilt: Rebuilt; view: GroupView },
): { mark: Txn; fences: Txn[]; epochs: Txn[] } {
  const keys = keysOf(plan.group);
  const fence = (confirmedOff: boolean): Fence => ({
    by: `an operator on ${plan.host}, who rebuilt the group`,
    method: "operator",
    at: rebuilt.at,
    ...(confirmedOff ? { confirmedOff: true } : {}),
  });
  return {
    mark: { compares: [], writes: [{ put: keys.rebuilt, value: JSON.stringify(rebuilt) }] },
    fences: plan.fences.map(({ host, sid, confirmedOff }) => ({
      compares: [{ key: keys.fence(host, sid), modRevision: 0 }],
      writes: [{ put: keys.fence(host, sid), value: JSON.stringify(fence(confirmedOff)) }],
    })),
    epochs: [...view.containers.values()].flatMap(({ name, owner }) => {
      if (!owner) return [];
      const raised: Owner = { ...owner.value, epoch: owner.value.epoch + SKIPPED_EPOCHS };
      const key = keys.owner(name);
      return [
        {
          compares: [{ key, modRevision: owner.rev }],
          writes: [{ put: key, value: JSON.stringify(raised) }],
        },
      ];
    }),
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
