import { fenceAfterMs, type Policy } from "../../../contract";
import { generationKey } from "../../context";
import { type ContainerView, type GroupView, usableGeneration } from "../../view";

/** Another voter of the group, as this host sees it. */
export interface OtherVoter {
  name: string;
  /** Something answers at its address. */
  on: boolean;
  /** Its etcd runs, whether or not it has a majority. */
  runs: boolean;
  /** Up to which revision it knows; null: it does not tell. */
  revision: number | null;
}

/** All that is known on the voter that is to be the only one. */
export interface Seen {
  host: string;
  policy: Policy;
  /** Milliseconds, Unix. */
  now: number;
  /** The group's network interface has a link. */
  linked: boolean;
  others: readonly OtherVoter[];
  /** What this voter's own data say. */
  view: GroupView;
  revision: number;
  /** Number of the cluster they are of; 0: the first one. */
  number: number;
  /** The session of this host's agent goes on, and with it what is frozen here. */
  keepsSession: boolean;
  /** Complete generations on this host's disk, by container: `<epoch>-<gen>`. */
  stored: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface RecoverOptions {
  /** Hosts that the operator has seen to be off. */
  confirmedOff: readonly string[];
}

export interface ContainerPlan {
  name: string;
  /** `<epoch>-<gen>`, the one that its records name. */
  generation: string | null;
  generationAgeMs: number | null;
  /** `stays`: frozen here, it goes on with its memory; `restored` from its generation here; `cold`: it has none;
   * `waits` for a holder of its generation, which is not here. */
  will: "stays" | "restored" | "cold" | "waits";
  /** Whom it waits for. */
  holders: string[];
}

export interface Plan {
  host: string;
  group: string;
  /** Of the rebuilt cluster. */
  number: number;
  revision: number;
  voters: number;
  /** Voters that the cluster goes on without; `on`: something answers there, but it runs no etcd. */
  lost: { name: string; on: boolean }[];
  /** Voters whose etcd runs, but which are too few; they lose their data and join anew. */
  minority: string[];
  /** Sessions that end. `waitMs`: for so long nobody takes their containers. */
  fences: { host: string; sid: string; confirmedOff: boolean; waitMs: number }[];
  containers: ContainerPlan[];
}

/** What `recover` would do, or why it must not. That no majority answers was seen before. */
export function planRecover(seen: Seen, options: RecoverOptions): Plan | { refusal: string } {
  const refusal = refuse(seen, options);
  if (refusal !== null) return { refusal };
  return {
    host: seen.host,
    group: seen.policy.group,
    number: seen.number + 1,
    revision: seen.revision,
    voters: seen.others.length + 1,
    lost: seen.others.filter((voter) => !voter.runs).map(({ name, on }) => ({ name, on })),
    minority: seen.others.filter((voter) => voter.runs).map(({ name }) => name),
    fences: fencesOf(seen, options),
    containers: [...seen.view.containers.values()]
      .filter((container) => container.spec !== null)
      .map((container) => containerPlan(seen, container)),
  };
}

function refuse(
  { linked, others, host, policy, revision }: Seen,
  { confirmedOff }: RecoverOptions,
): string | null {
  if (!linked)
    return `${policy.interface} of ${host} has no link: this host is cut off, which says nothing about the others`;
  const need = Math.floor((others.length + 1) / 2) + 1;
  const running = others.filter((voter) => voter.runs);
  if (running.length + 1 >= need)
    return `etcd runs on ${[host, ...running.map(({ name }) => name)].join(", ")}, which is a majority of the ${others.length + 1} voters: it needs no rebuilding, see what keeps it with "journalctl -u container-ha-etcd" on each`;
  const ahead = running.find((voter) => (voter.revision ?? 0) > revision);
  if (ahead)
    return `etcd on ${ahead.name} knows more (revision ${ahead.revision}, here ${revision}), and what only it knows would be lost: run this there`;
  for (const name of confirmedOff) {
    const known = policy.hosts.some((one) => one.name === name);
    if (!known) return `--confirmed-off: host ${name} is not in group ${policy.group}`;
    if (name === host || others.some((voter) => voter.name === name && voter.on))
      return `--confirmed-off: ${name} is not off, it answers`;
  }
  return null;
}

/**
 * safety: every session but the own ends, also of hosts that are alive: those begin anew, and a session is then known
 * to one of the two clusters at most, whoever may still run the one that is given up.
 */
function fencesOf({ view, host, policy }: Seen, { confirmedOff }: RecoverOptions): Plan["fences"] {
  return [...view.hosts.values()].flatMap(({ name, session, heartbeat, fences }) => {
    if (name === host || session === null || fences.has(session.value.sid)) return [];
    const off = confirmedOff.includes(name);
    const waitMs = off ? 0 : fenceAfterMs(policy.timing, heartbeat?.value.leaseMs ?? 0);
    return [{ host: name, sid: session.value.sid, confirmedOff: off, waitMs }];
  });
}

function containerPlan({ host, keepsSession, stored, now }: Seen, container: ContainerView): ContainerPlan {
  const named = usableGeneration(container);
  const generation = named ? generationKey(named) : null;
  const owner = container.owner?.value;
  const stays = keepsSession && owner?.host === host && owner.phase === "RUNNING";
  const here = generation !== null && (stored.get(container.name)?.has(generation) ?? false);
  return {
    name: container.name,
    generation,
    generationAgeMs: named ? Math.max(0, now - Date.parse(named.at)) : null,
    will: stays ? "stays" : generation === null ? "cold" : here ? "restored" : "waits",
    holders: named?.holders.filter((holder) => holder !== host) ?? [],
  };
}
