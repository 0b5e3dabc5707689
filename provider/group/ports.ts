import { canonical, groupConfigSchema, type Ports, parseJson } from "../contract";
import { UserError } from "../errors";

/** The ports in the text of a host's group.json; null: it has none, or one that this version cannot read. */
export function portsIn(text: string | null): Ports | null {
  if (text === null) return null;
  try {
    return parseJson(groupConfigSchema, text, "group.json").policy.ports;
  } catch {
    return null;
  }
}

/** The members of an etcd know each other by their ports: those of a group that a state does not know are kept, too. */
export function keepPorts(wanted: Ports, views: ReadonlyMap<string, { ports: Ports | null }>): void {
  const other = [...views].find(([, { ports }]) => ports && canonical(ports) !== canonical(wanted));
  if (!other) return;
  const [name, { ports }] = other;
  throw new UserError(
    `ports: expected ${JSON.stringify(ports)}, with which the group runs on ${name}, got ${JSON.stringify(wanted)}: other ports ` +
      "need a new group. Take this one over with its own ports first; a change of them then replaces it.",
  );
}
