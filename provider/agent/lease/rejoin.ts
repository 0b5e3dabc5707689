import { keysOf, ownerSchema, realMac } from "../../contract";
import type { Compare, StoredValue } from "../env";

/** MACs to open in one renewal, and the records that must still be as they were read when it commits. */
export interface Rejoin {
  macs: string[];
  compares: Compare[];
}

/** A container takes two compares, and etcd takes 128 in one transaction. */
const CONTAINERS_PER_RENEWAL = 50;

/**
 * What a restarted lease process may open by itself: containers whose owner record is (this host, this session,
 * RUNNING) and that are not migrating (safety.md 1.2).
 */
export function rejoinsIn(o: {
  group: string;
  host: string;
  sid: string;
  records: ReadonlyMap<string, StoredValue>;
}): Rejoin[] {
  const keys = keysOf(o.group);
  const mine = containersIn(o).flatMap((container) => {
    const owner = o.records.get(keys.owner(container))!;
    if (o.records.has(keys.migration(container))) return [];
    if (!isMine(owner.value, o)) return [];
    return [{ container, modRevision: owner.modRevision }];
  });
  const rejoins: Rejoin[] = [];
  for (let from = 0; from < mine.length; from += CONTAINERS_PER_RENEWAL) {
    const some = mine.slice(from, from + CONTAINERS_PER_RENEWAL);
    rejoins.push({
      macs: some.map(({ container }) => realMac(o.group, container)),
      compares: some.flatMap(({ container, modRevision }) => [
        { key: keys.owner(container), modRevision },
        { key: keys.migration(container), modRevision: 0 },
      ]),
    });
  }
  return rejoins;
}

function containersIn(o: { group: string; records: ReadonlyMap<string, StoredValue> }): string[] {
  const { containers } = keysOf(o.group);
  const names = [...o.records.keys()].flatMap((key) =>
    key.startsWith(containers) && key.endsWith("/owner")
      ? [key.slice(containers.length, -"/owner".length)]
      : [],
  );
  return names.sort();
}

function isMine(text: string, o: { host: string; sid: string }): boolean {
  const parsed = ownerSchema.safeParse(jsonOrNull(text));
  // A record that cannot be read is not opened: the agent, which can say what is wrong, joins it or not.
  if (!parsed.success) return false;
  const { host, sid, phase } = parsed.data;
  return host === o.host && sid === o.sid && phase === "RUNNING";
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
