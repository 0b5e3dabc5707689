import { type Ports, paths } from "../../../contract";

/** A copy of the voter's data, on the same file system, that becomes its data. */
export const staging = `${paths.etcdData}/rebuild`;

/** Where the data stay as they were before the group was rebuilt. */
export function backupOf(number: number): string {
  return `${paths.etcdData}/member.before-rebuild-${number}`;
}

/**
 * Less than the revisions that are skipped, so that the rebuilt data hold a snapshot of raft's log. safety: voters that
 * join get a copy of the data then. From the log, which is what is left of another cluster, they have come to revisions
 * of their own, and no two voters agreed (etcd issue 14009).
 */
const SNAPSHOT_EVERY = 100;

/**
 * The voter's own command line, as its unit has it, for an etcd that works on the copy, makes itself the only member,
 * and is reached from this host alone: nobody may use it before what must be fenced is fenced.
 */
export function aloneArgv(unit: string, ports: Ports): string[] {
  const line = /^ExecStart=(.+)$/m.exec(unit)?.[1];
  if (!line) throw new Error(`${paths.etcdUnit} has no command line`);
  const replaced: Record<string, string> = {
    "--data-dir": staging,
    "--listen-client-urls": `https://127.0.0.1:${ports.etcdClient}`,
    "--listen-peer-urls": `https://127.0.0.1:${ports.etcdPeer}`,
    "--snapshot-count": String(SNAPSHOT_EVERY),
  };
  const argv = line.split(" ").map((word) => {
    const name = word.split("=")[0]!;
    return name in replaced ? `${name}=${replaced[name]}` : word;
  });
  const missing = Object.entries(replaced).filter(([name, value]) => !argv.includes(`${name}=${value}`));
  // safety: without these it would work on the real data, or be reached by others.
  if (missing.length > 0) throw new Error(`${paths.etcdUnit} has no ${missing[0]![0]}`);
  return [...argv, "--force-new-cluster"];
}
