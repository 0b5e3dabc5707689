import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { engineName } from "../../../contract";
import { loadArchive } from "./archive-image";
import { cgroupOf, writeCgroup } from "./cgroup";
import { environmentOf } from "./commands/create";
import { podman, podmanCreate } from "./commands/podman";
import { runc, runcRoots } from "./commands/runc";
import {
  ASK_TIMEOUT_MS,
  createdRecord,
  type Engine,
  exitSentence,
  type Listed,
  layEngineFiles,
  listed,
  parseInspect,
} from "./engine";
import { ensureNetwork, samePodmanNetwork } from "./engine-network";
import { CommandError, failure, run, tryRun } from "./exec";
import { conmonExit, isMounted, isTakenDown } from "./podman-end";
import { endCommandsAbout } from "./processes";
import type { CopyRecord } from "./record";

const PULL_TIMEOUT_MS = 600_000;
/** A restore is held for as long as its caller wants; CRIU itself takes seconds at most. */
const RESTORE_TIMEOUT_MS = 3_600_000;

/** Of what takes milliseconds, unless somebody holds the container's lock. */
const LOCK_TIMEOUT_MS = 15_000;

export function podmanEngine(): Engine {
  /** The network as it was seen to be. */
  let network = "";
  return {
    name: "podman",
    runcRoots: runcRoots.podman,
    hasImage: async (image) => (await tryRun(podman.imageExists(image))).code === 0,
    pull: async (image) => void (await run(podman.pull(image), { timeoutMs: PULL_TIMEOUT_MS })),
    load: (archive, image) => loadArchive(podman, archive, image),
    // It is told to keep them in the layer.
    volumesOf: async () => [],
    save: async (image, archive) =>
      void (await run(podman.save(image, archive), { timeoutMs: PULL_TIMEOUT_MS })),
    async ensureNetwork(plan) {
      const planned = JSON.stringify(plan);
      const exists = async () =>
        (await tryRun(podman.networkExists(), { timeoutMs: ASK_TIMEOUT_MS })).code === 0;
      if (network === planned && (await exists())) return false;
      const made = await ensureNetwork({ ...podman, same: samePodmanNetwork }, plan);
      network = planned;
      return made;
    },
    networkStore: "/etc/containers/networks",
    async create(plan) {
      const environment = environmentOf(plan.spec.workload.envs);
      writeFileSync(plan.envFile, environment.lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
      try {
        await run(podmanCreate(plan), { env: environment.inherited });
      } finally {
        rmSync(plan.envFile, { force: true });
      }
      return createdRecord(await inspect([engineName(plan.spec.name)]));
    },
    makeRestorable,
    takenDown: isTakenDown,
    isMounted,
    start: async ({ id }) => void (await run(podman.start(id))),
    async restore({ id, home }, images, onStart) {
      const folder = join(home, "checkpoint");
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      layEngineFiles(images, folder);
      await run(podman.restore(id), { timeoutMs: RESTORE_TIMEOUT_MS, onStart });
    },
    remove: (nameOrId) => withLock(nameOrId, podman.remove(nameOrId)),
    async list(group) {
      const ids = await listIds(group);
      return ids.length > 0 ? inspect(ids) : { ids, records: [], unusable: [] };
    },
    async exitDetail(record) {
      const said = await conmonExit(record);
      if (said) return exitSentence(said);
      const { code, stdout } = await tryRun(podman.inspect([record.id]));
      const [one] = code === 0 ? parseInspect(stdout) : [];
      return one ? exitSentence(one.State) : null;
    },
    restoreArgv: podman.restore,
  };
}

async function listIds(group: string): Promise<string[]> {
  return (await run(podman.list(group), { timeoutMs: ASK_TIMEOUT_MS })).split("\n").filter(Boolean);
}

async function inspect(ids: string[]): Promise<Listed> {
  const argv = podman.inspect(ids);
  const result = await tryRun(argv, { timeoutMs: ASK_TIMEOUT_MS });
  // What is gone since it was listed makes it fail, and it tells of the others.
  if (result.code !== 0 && !/no such (container|object)/i.test(result.stderr)) throw failure(argv, result);
  return listed("podman", { ids, json: result.stdout, homeOf: ({ StaticDir }) => StaticDir ?? "" });
}

/**
 * A command about one container. Where another one that this product has begun, and that nobody waits for any more,
 * keeps the container's lock, that one is ended.
 */
async function withLock(id: string, argv: string[]): Promise<void> {
  try {
    await run(argv, { timeoutMs: LOCK_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof CommandError && error.timedOut) || endCommandsAbout("podman", id) === 0)
      throw error;
    await run(argv, { timeoutMs: LOCK_TIMEOUT_MS });
  }
}

/**
 * Podman restores only what has a bundle: `init` writes it and sets everything up, then runc's container is deleted
 * below podman and the rest taken down. A copy that ran has its bundle and is only taken down.
 */
async function makeRestorable(record: CopyRecord): Promise<void> {
  if (!existsSync(join(record.home, "config.json"))) {
    await withLock(record.id, podman.init(record.id));
    const cgroup = cgroupOf("podman", record.id);
    if (cgroup) writeCgroup(cgroup, "cgroup.kill", "1");
    await run(runc.delete({ root: runcRoots.podman[0], id: record.id }));
  }
  if (!(await isTakenDown(record))) await withLock(record.id, podman.cleanup(record.id));
  if (!existsSync(join(record.home, "config.json"))) {
    throw new CommandError(podman.cleanup(record.id), {
      code: 0,
      output: "",
      ending: "took the bundle away",
    });
  }
}
