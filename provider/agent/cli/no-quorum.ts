/** Which voters of the group run an etcd, as this host sees them. */
export interface Voters {
  runs: string[];
  missing: string[];
}

/**
 * What to do where the store does not answer an agent; null: this host cannot tell how the voters are. safety: what
 * gives up data is named only where a majority was looked for and is not there.
 */
export function noQuorumNote(voters: Voters | null): string {
  const journal = 'see "journalctl -u container-ha-etcd" on each';
  if (!voters) return `Whether a majority of the voters runs is not known from here: ${journal}.`;
  const { runs, missing } = voters;
  const all = runs.length + missing.length;
  if (runs.length > all / 2)
    return `etcd runs on ${runs.join(", ")}, which is a majority of the ${all} voters: nothing is lost, and nothing is to be recovered. What keeps them from answering: ${journal}.`;
  return `Bring back the hosts whose voters are missing (${missing.join(", ")}). Only where a majority is gone for good: "container-ha recover".`;
}
