import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { engineName } from "../../../contract";
import { loadArchive } from "./archive-image";
import { environmentOf } from "./commands/create";
import { docker, dockerCheckpoint, dockerCreate } from "./commands/docker";
import { runcRoots } from "./commands/runc";
import { type Engine, exitSentence, layEngineFiles, parseInspect, recordOf } from "./engine";
import { sameDockerNetwork } from "./engine-network";
import { failure, run, tryRun } from "./exec";
import type { CopyRecord } from "./record";

const PULL_TIMEOUT_MS = 600_000;
const RESTORE_TIMEOUT_MS = 3_600_000;

export function dockerEngine(): Engine {
  let rootFolder: Promise<string> | undefined;

  async function inspect(ids: string[]): Promise<CopyRecord[]> {
    rootFolder ??= run(docker.rootFolder()).then((output) => output.trim());
    rootFolder.catch(() => {
      rootFolder = undefined;
    });
    const [folder, json] = await Promise.all([rootFolder, run(docker.inspect(ids))]);
    return parseInspect(json).flatMap(
      (one) => recordOf("docker", one, join(folder, "containers", one.Id)) ?? [],
    );
  }

  return {
    name: "docker",
    runcRoots: runcRoots.docker,
    hasImage: async (image) => (await tryRun(docker.imageExists(image))).code === 0,
    pull: async (image) => void (await run(docker.pull(image), { timeoutMs: PULL_TIMEOUT_MS })),
    load: (archive, image) => loadArchive(docker, archive, image),
    async ensureNetwork(plan) {
      const { code, stdout } = await tryRun(docker.networkInspect());
      if (code === 0 && sameDockerNetwork(stdout, plan)) return false;
      if (code === 0) await run(docker.networkRemove());
      await run(docker.networkCreate(plan));
      return true;
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
      return (await inspect([engineName(plan.spec.name)]))[0]!;
    },
    // Docker keeps what it needs, but takes a start for done as long as it has not seen the end of the processes.
    makeRestorable: async ({ id }) => void (await run(docker.wait(id))),
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
      const ids = (await run(docker.list(group))).split("\n").filter(Boolean);
      return ids.length > 0 ? inspect(ids) : [];
    },
    async exitDetail({ id }) {
      await tryRun(docker.wait(id));
      const { code, stdout } = await tryRun(docker.inspect([id]));
      return code === 0 ? exitSentence(parseInspect(stdout)[0]!.State) : null;
    },
    restoreArgv: docker.restore,
  };
}
