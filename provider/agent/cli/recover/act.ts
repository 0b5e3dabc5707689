import { randomUUID } from "node:crypto";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type GroupConfig,
  groupConfigSchema,
  hostPort,
  keysOf,
  parseJson,
  paths,
  type Rebuilt,
  rebuiltSchema,
  units,
} from "../../../contract";
import { generationKey } from "../../context";
import type { Txn } from "../../env";
import { createDisk } from "../../env/disk/disk";
import { createHost } from "../../env/host";
import { run, tryRun } from "../../env/runtime/exec";
import { type EtcdStore, storeOf } from "../../env/store";
import { createViewReader, type GroupView } from "../../view";
import { CliError } from "../cli-error";
import { backupOf, staging } from "./alone";
import { copyData, withEtcdAlone } from "./alone-etcd";
import { lookAtOthers, revisionOf, votersIn } from "./others";
import type { Plan, Seen } from "./plan";
import { recoverTxns, renamedSession, SKIPPED_REVISIONS } from "./records";

/** What `recover` asks of the host. */
export interface Recovery {
  /** Everything a plan needs; a refusal where there is nothing to recover. Changes nothing. */
  look(): Promise<Seen | { refusal: string }>;
  /** Carries the plan out. Until the rebuilt data are in place, a failure leaves everything as it was. */
  rebuild(plan: Plan): Promise<void>;
}

const QUORUM_MS = 3000;
const SERVED_MS = 30_000;
const POLL_MS = 100;
const IN_PARALLEL = 50;
const WRITE_MS = 5000;
/** Order of stopping; they start the other way round. */
const STOPPED = [units.agent, units.lease, units.etcd];

export function createRecovery(): Recovery {
  const host = createHost();

  async function look(): Promise<Seen | { refusal: string }> {
    const config = await readConfig();
    if (config.policy.etcd === "external")
      return { refusal: "The group's etcd is not its own: bring it back with etcd's own means." };
    if (!votersIn(config).some(({ name }) => name === config.host))
      return { refusal: `${config.host} runs no etcd voter: run this on a host that does` };
    if (await hasQuorum(config)) return { refusal: QUORUM_IS_THERE };
    await undoHalfSwap();
    if (!(await hasData()))
      return { refusal: `The etcd voter of ${config.host} has no data to rebuild the group from.` };
    const others = await lookAtOthers(config);
    await stopped([units.etcd], copyData);
    try {
      return await withEtcdAlone(config, async (store, endpoint) => {
        const raw = await store.read({ timeoutMs: WRITE_MS });
        const view = createViewReader(config.policy.group)(raw);
        const rebuilt = raw.get(keysOf(config.policy.group).rebuilt);
        return {
          host: config.host,
          policy: config.policy,
          now: Date.now(),
          linked: await hasLink(config.policy.interface),
          others,
          view,
          revision: (await revisionOf(config, endpoint)) ?? 0,
          number: rebuilt ? parseJson(rebuiltSchema, rebuilt.value, "the record `rebuilt`").number : 0,
          keepsSession: await keepsSession(config, view),
          stored: await storedGenerations(),
        };
      });
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  async function rebuild(plan: Plan): Promise<void> {
    const config = await readConfig();
    // Somebody may have come back while the question was open.
    if (await hasQuorum(config)) throw new CliError(QUORUM_IS_THERE);
    await stopped(STOPPED, async () => {
      await copyData();
      const at = new Date().toISOString();
      const rebuilt: Rebuilt = { number: plan.number, id: randomUUID(), by: plan.host, at };
      const renamed = await withEtcdAlone(config, async (store) => {
        const view = createViewReader(config.policy.group)(await store.read({ timeoutMs: WRITE_MS }));
        const { mark, fences, epochs } = recoverTxns(plan, { rebuilt, view });
        for (let done = 0; done < SKIPPED_REVISIONS; done += IN_PARALLEL)
          await Promise.all(Array.from({ length: IN_PARALLEL }, () => commit(store, mark)));
        for (const txn of [...fences, ...epochs]) await commit(store, txn);
        const session = (await keepsSession(config, view)) ? renamedSession(plan, view) : null;
        if (session) await commit(store, session.txn);
        return session;
      });
      await writeFile(`${staging}/member/rebuilt`, JSON.stringify(rebuilt), { mode: 0o600 });
      await swap(plan);
      const file = await host.readSession();
      if (renamed && file) await host.writeSession({ ...file, record: renamed.record });
    });
    await untilServed(config);
  }

  /** The agent's session here is the one of the records: what is frozen here goes on when it can renew again. */
  async function keepsSession(config: GroupConfig, view: GroupView): Promise<boolean> {
    const file = await host.readSession();
    const seen = view.hosts.get(config.host);
    return (
      file !== null &&
      file.bootId === (await host.bootId()) &&
      file.record === seen?.session?.text &&
      !seen.fences.has(file.sid)
    );
  }

  return { look, rebuild };
}

const QUORUM_IS_THERE =
  "The store has a quorum, so there is nothing to recover: hosts that are gone are replaced with their names kept, and join by `pulumi up`.";

async function readConfig(): Promise<GroupConfig> {
  const text = await readFile(paths.groupConfig, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EACCES") throw new CliError("Only root may do this. Run the command as root.");
    if (error.code === "ENOENT") throw new CliError("This host belongs to no HA group.");
    throw error;
  });
  return parseJson(groupConfigSchema, text, paths.groupConfig);
}

/** Whether a majority answers, at any voter. */
async function hasQuorum(config: GroupConfig): Promise<boolean> {
  const store = storeOf(config);
  try {
    return await answers(store, QUORUM_MS);
  } finally {
    store.close();
  }
}

/** The rebuilt etcd answers at its own address. */
async function untilServed(config: GroupConfig): Promise<void> {
  const own = votersIn(config).find(({ name }) => name === config.host)!;
  const store = storeOf(config, [hostPort(own.address, config.policy.ports.etcdClient)]);
  try {
    if (await answers(store, SERVED_MS)) return;
    throw new CliError(
      `The group was rebuilt, but its etcd does not answer. See "journalctl -u ${units.etcd}" on this host.`,
    );
  } finally {
    store.close();
  }
}

async function answers(store: EtcdStore, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    if (
      await store.read({ timeoutMs: 1000 }).then(
        () => true,
        () => false,
      )
    )
      return true;
    if (performance.now() >= deadline) return false;
    await sleep(POLL_MS);
  }
}

async function commit(store: EtcdStore, txn: Txn): Promise<void> {
  const outcome = await store.txn(txn, { timeoutMs: WRITE_MS });
  if (outcome.result === "committed") return;
  const cause = outcome.result === "unknown" ? outcome.cause : "it changed meanwhile";
  throw new CliError(`The rebuilt store does not take a record (${cause}). Nothing was changed.`);
}

/** Works while these units are stopped; they run again afterwards, whatever came of it. */
async function stopped<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    for (const unit of names) await run(["systemctl", "stop", unit], { timeoutMs: 60_000 });
    return await work();
  } finally {
    // etcd without a majority is never ready.
    for (const unit of [...names].reverse()) await tryRun(["systemctl", "start", "--no-block", unit]);
  }
}

async function hasLink(name: string): Promise<boolean> {
  // Reading it fails where the interface is down.
  const carrier = await readFile(`/sys/class/net/${name}/carrier`, "utf8").catch(() => "0");
  return carrier.trim() === "1";
}

async function storedGenerations(): Promise<Seen["stored"]> {
  const manifests = await createDisk({ root: paths.store }).list();
  const names = Map.groupBy(manifests, ({ container }) => container);
  return new Map([...names].map(([name, list]) => [name, new Set(list.map(generationKey))]));
}

async function hasData(): Promise<boolean> {
  const files = await readdir(`${paths.etcdData}/member/wal`).catch(() => []);
  return files.some((name) => name.endsWith(".wal"));
}

/** The one moment at which the rebuilt data become the voter's. */
async function swap({ number }: Plan): Promise<void> {
  await rm(backupOf(number), { recursive: true, force: true });
  await run(["sync", "-f", staging], { timeoutMs: 120_000 });
  await rename(`${paths.etcdData}/member`, backupOf(number));
  await rename(`${staging}/member`, `${paths.etcdData}/member`);
  await rm(staging, { recursive: true, force: true });
  await run(["sync", "-f", paths.etcdData], { timeoutMs: 120_000 });
}

/** A run that was ended between the two renames left a voter without data, which does not start. */
async function undoHalfSwap(): Promise<void> {
  const entries = await readdir(paths.etcdData).catch((): string[] => []);
  const backups = entries.filter((name) => name.startsWith("member.before-rebuild-"));
  if (entries.includes("member") || backups.length === 0) return;
  const last = backups.sort((a, b) => numberIn(a) - numberIn(b)).at(-1)!;
  await rename(`${paths.etcdData}/${last}`, `${paths.etcdData}/member`);
}

function numberIn(name: string): number {
  return Number(name.split("-").at(-1));
}
