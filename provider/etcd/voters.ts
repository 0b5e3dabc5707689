import type { GroupHost } from "../contract";

/**
 * The hosts that run etcd: witnesses first (they have nothing else to do), then members in the order of the list; as
 * many as make an odd number, at most five. Appending a host does not change who was chosen before it.
 */
export function votersOf<H extends Pick<GroupHost, "role">>(hosts: readonly H[]): H[] {
  const ordered = [
    ...hosts.filter((host) => host.role === "witness"),
    ...hosts.filter((host) => host.role === "member"),
  ];
  const count = Math.min(MOST_VOTERS, ordered.length);
  return ordered.slice(0, count % 2 === 0 ? count - 1 : count);
}

/** The same of a group whose etcd may be elsewhere: then none of its hosts runs one. */
export function ownVotersOf<H extends Pick<GroupHost, "role">>({
  hosts,
  etcd,
}: {
  hosts: readonly H[];
  etcd: { external?: unknown };
}): H[] {
  return etcd.external ? [] : votersOf(hosts);
}

export const LEAST_VOTERS = 3;
const MOST_VOTERS = 5;
