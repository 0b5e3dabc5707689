import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { engineName } from "../../../contract";
import { loadArchive } from "./archive-image";
import { environmentOf } from "./commands/create";
import { docker, dockerCheckpoint, dockerCreate } from "./commands/docker";
import { runcRoots } from "./commands/runc";
import { createDaemonCheck } from "./docker-daemon";
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
import { ensureNetwork, sameDockerNetwork } from "./engine-network";
import { run as execute, failure, type RunOptions, tryRun as tryExecute } from "./exec";

const PULL_TIMEOUT_MS = 600_000;
const RESTORE_TIMEOUT_MS = 3_600_000;
/** The kernel knows already that its processes have ended. */
const END_TIMEOUT_MS = 5_000;

const NO_RESTORE =
  'it restores no checkpoint without "experimental": true in /etc/docker/daemon.json; set it and restart docker, or let the Host do it';
const volumesSchema = z.record(z.string(), z.unknown()).nullable();

export function dockerEngine(): Engine {
  const needDaemon = createDaemonCheck();
  let rootFolder: Promise<string> | undefined;

  async function run(argv: string[], options?: RunOptions): Promise<string> {
    await needDaemon();
    return execute(argv, options);
  }

  async function tryRun(argv: string[], options?: RunOptions) {
    await needDaemon();
    return tryExecute(argv, options);
  }

  async function inspect(ids: string[]): Promise<Listed> {
    rootFolder ??= run(docker.rootFolder(), { timeoutMs: ASK_TIMEOUT_MS }).then((output) => output.trim());
    rootFolder.catch(() => {
      rootFolder = undefined;
    });
    const argv = docker.inspect(ids);
    const [folder, result] = await Promise.all([rootFolder, tryRun(argv, { timeoutMs: ASK_TIMEOUT_MS })]);
    // What is gone since it was listed makes it fail, and it tells of the others.
    if (result.code !== 0 && !/No such container/.test(result.stderr)) throw failure(argv, result);
    return listed("docker", { ids, json: result.stdout, homeOf: ({ Id }) => join(folder, "containers", Id) });
  }

  const listIds = async (group: string) =>
    (await run(docker.list(group), { timeoutMs: ASK_TIMEOUT_MS })).split("\n").filter(Boolean);

  return {
    name: "docker",
    runcRoots: runcRoots.docker,
    hasImage: async (image) => (await tryRun(docker.imageExists(image))).code === 0,
    pull: async (image) => void (await run(docker.pull(image), { timeoutMs: PULL_TIMEOUT_MS })),
    load: (archive, image) => loadArchive(docker, archive, image),
    async volumesOf(image) {
      const declared = volumesSchema.parse(JSON.parse(await run(docker.imageVolumes(image))));
      return Object.keys(declared ?? {}).sort();
    },
    save: async (image, archive) =>
      void (await run(docker.save(image, archive), { timeoutMs: PULL_TIMEOUT_MS })),
    async ensureNetwork(plan) {
      await needDaemon();
      return ensureNetwork({ ...docker, same: sameDockerNetwork }, plan);
    },
    async needRestore() {
      const experimental = await run(docker.isExperimental(), { timeoutMs: ASK_TIMEOUT_MS });
      if (experimental.trim() !== "true") throw new Error(NO_RESTORE);
    },
    networkStore: "/var/lib/docker/network/files/local-kv.db",
    async create(plan) {
      const environment = environmentOf(plan.spec.workload.envs);
      writeFileSync(plan.envFile, environment.lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
      try {
        await run(dockerCreate(plan), { env: environment.inherited });
      } finally {
        rmSync(plan.envFile, { force: true });
      }
      return createdRecord(await inspect([engineName(plan.spec.name)]));
    },
    // Docker keeps what it needs, but takes a start for done as long as it has not seen the end of the processes.
    makeRestorable: async ({ id }) => void (await run(docker.wait(id), { timeoutMs: END_TIMEOUT_MS })),
    start: async ({ id }) => void (await run(docker.start(id))),
    async restore({ id, home }, images, onStart) {
      const folder = join(home, "checkpoints", dockerCheckpoint);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      layEngineFiles(images, folder);
      // Docker copies the checkpoint into containerd's store and refuses content that it finds there from before:
      // the two small files are made different each time.
      writeFileSync(join(folder, "restore-id"), `${process.pid}-${process.hrtime.bigint()}\n`);
      await run(docker.restore(id), { timeoutMs: RESTORE_TIMEOUT_MS, onStart });
    },
    async remove(nameOrId) {
      const result = await tryRun(docker.remove(nameOrId));
      if (result.code !== 0 && !/No such container/.test(result.stderr))
        throw failure(docker.remove(nameOrId), result);
    },
    async list(group) {
      const ids = await listIds(group);
      return ids.length > 0 ? inspect(ids) : { ids, records: [], unusable: [] };
    },
    async exitDetail({ id }) {
      await tryRun(docker.wait(id));
      const { code, stdout } = await tryRun(docker.inspect([id]));
      const [one] = code === 0 ? parseInspect(stdout) : [];
      return one ? exitSentence(one.State) : null;
    },
    restoreArgv: docker.restore,
  };
}
