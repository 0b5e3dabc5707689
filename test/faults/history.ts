import {
  generationSchema,
  keysOf,
  migrationSchema,
  ownerSchema,
  parseJson,
  paths,
} from "../../provider/contract";
import type { Lab } from "../lab/lab";
import type { Change } from "./judge";

/** Everything the records of one container went through, read from etcd's own history. */
export interface History {
  /** What was committed since the last call; the first call begins with what is there. */
  next(): Promise<Change[]>;
}

/** The same of several containers, which costs no more; by their names. */
export interface GroupHistory {
  next(): Promise<Map<string, Change[]>>;
}

interface KeyValue {
  key: string;
  value?: string;
  mod_revision: number;
}

const ETCD_PORT = 7379;
const WATCH_LIMIT_S = 10;
/** A voter that is cut off tells nothing. */
const ANSWER_LIMIT_S = 3;

export function readHistory(lab: Lab, { group, container }: { group: string; container: string }): History {
  const prefix = keysOf(group)
    .owner(container)
    .replace(/owner$/, "");
  const records = readRecords(lab, prefix);
  return {
    next: async () => (await records.next()).flatMap((record) => toChange(record, { group, container })),
  };
}

export function readGroupHistory(
  lab: Lab,
  { group, containers }: { group: string; containers: string[] },
): GroupHistory {
  const records = readRecords(lab, keysOf(group).containers);
  return {
    async next() {
      const changed = await records.next();
      return new Map(
        containers.map((container) => [
          container,
          changed.flatMap((record) => toChange(record, { group, container })),
        ]),
      );
    },
  };
}

interface Recorded {
  deleted: boolean;
  kv: KeyValue;
}

/** What was written below the prefix since the last call, in the order of revisions. */
function readRecords(lab: Lab, prefix: string): { next(): Promise<Recorded[]> } {
  let seen: number | null = null;
  return {
    async next() {
      const output = await onSomeHost(lab, (address) => `${etcdctl(address)} get --prefix ${prefix} -w json`);
      const { kvs = [] } = JSON.parse(output) as { kvs?: KeyValue[] };
      kvs.sort((a, b) => a.mod_revision - b.mod_revision);
      const newest = kvs.at(-1)?.mod_revision ?? 0;
      const from = seen;
      const records =
        from === null
          ? kvs.map((kv) => ({ deleted: false, kv }))
          : newest > from
            ? await watched(lab, { prefix, from: from + 1, to: newest })
            : [];
      seen = newest;
      return records;
    },
  };
}

function toChange(
  { deleted, kv }: Recorded,
  { group, container }: { group: string; container: string },
): Change[] {
  const keys = keysOf(group);
  const key = Buffer.from(kv.key, "base64").toString();
  const value = Buffer.from(kv.value ?? "", "base64").toString();
  if (key === keys.owner(container) && !deleted) {
    const { epoch, host, phase, gen, since } = parseJson(ownerSchema, value, key);
    return [{ type: "owner", epoch, host, phase, gen, since: Date.parse(since) }];
  }
  if (key === keys.migration(container))
    return [{ type: "migration", to: deleted ? null : parseJson(migrationSchema, value, key).to }];
  if (key !== keys.generation(container)) return [];
  if (deleted) return [{ type: "generation", named: null }];
  const { epoch, gen, holders, at } = parseJson(generationSchema, value, key);
  return [{ type: "generation", named: { epoch, gen, holders, at: Date.parse(at) } }];
}

/** A watch from a revision of the past tells everything since; it ends when the newest record has come. */
async function watched(lab: Lab, o: { prefix: string; from: number; to: number }): Promise<Recorded[]> {
  const output = await onSomeHost(
    lab,
    (address) => `
      exec 3< <(exec ${etcdctl(address)} watch --prefix ${o.prefix} --rev ${o.from} -w json 2>&1)
      watch=$! status=1
      while read -r -t ${WATCH_LIMIT_S} -u 3 line; do
        echo "$line"
        case $line in *'"mod_revision":${o.to}'[,}]*) status=0; break ;; esac
      done
      kill $watch
      exit $status`,
  );
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .flatMap((line) => (JSON.parse(line) as { Events: { type?: number; kv: KeyValue }[] }).Events)
    .filter(({ kv }) => kv.mod_revision <= o.to)
    .map(({ type, kv }) => ({ deleted: type === 1, kv }));
}

function etcdctl(address: string): string {
  const { ca, cert, key } = paths.tls;
  const limits = `--dial-timeout=${ANSWER_LIMIT_S}s --command-timeout=${ANSWER_LIMIT_S}s`;
  return `etcdctl --endpoints=https://${address}:${ETCD_PORT} ${limits} --cacert=${ca} --cert=${cert} --key=${key}`;
}

/** What bash prints on the first host where the script succeeds; run in it without its network. */
async function onSomeHost(lab: Lab, script: (address: string) => string): Promise<string> {
  const faults: string[] = [];
  for (const { name, address } of lab.hosts) {
    if (lab.power(name) !== "running") continue;
    try {
      const result = await lab.inside(name, "bash -s", { input: script(address) });
      if (result.code === 0) return result.stdout;
      faults.push(`${name}: ${(result.stderr || result.stdout).trim().slice(-300)}`);
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  throw new Error(`no etcd tells its history: ${faults.join("; ")}`);
}
