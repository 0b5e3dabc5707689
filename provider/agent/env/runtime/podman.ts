import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { engineName } from "../../../contract";
import { loadArchive } from "./archive-image";
import { cgroupOf, writeCgroup } from "./cgroup";
import { environmentOf } from "./commands/create";
import { podman, podmanCreate } from "./commands/podman";
import { runc, runcRoots } from "./commands/runc";
import { type Engine, exitSentence, layEngineFiles, parseInspect, recordOf } from "./engine";
import { samePodmanNetwork } from "./engine-network";
import { CommandError, run, tryRun } from "./exec";
import { conmonExit, isMounted, isTakenDown } from "./podman-end";
import type { CopyRecord } from "./record";

const PULL_TIMEOUT_MS = 600_000;
/** A restore is held for as long as its caller wants; CRIU itself takes seconds at most. */
const RESTORE_TIMEOUT_MS = 3_600_000;

export function podmanEngine(): Engine {
  return {
    name: "podman",
    runcRoots: runcRoots.podman,
    hasImage: async (image) => (await tryRun(podman.imageExists(image))).code === 0,
    pull: async (image) => void (await run(podman.pull(image), { timeoutMs: PULL_TIMEOUT_MS })),
    load: (archive, image) => loadArchive(podman, archive, image),
    async ensureNetwork(plan) {
      const { code, stdout } = await tryRun(podman.networkInspect());
      if (code === 0 && samePodmanNetwork(stdout, plan)) return false;
      if (code === 0) await run(podman.networkRemove());
      await run(podman.networkCreate(plan));
      return true;
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
      return (await inspect([engineName(plan.spec.name)]))[0]!;
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
    remove: async (nameOrId) => void (await run(podman.remove(nameOrId))),
    async list(group) {
      const ids = (await run(podman.list(group))).split("\n").filter(Boolean);
      return ids.length > 0 ? inspect(ids) : [];
    },
    async exitDetail(record) {
      const said = await conmonExit(record);
      if (said) return exitSentence(said);
      const { code, stdout } = await tryRun(podman.inspect([record.id]));
      return code === 0 ? exitSentence(parseInspect(stdout)[0]!.State) : null;
    },
    restoreArgv: podman.restore,
  };
}

async function inspect(ids: string[]): Promise<CopyRecord[]> {
  const inspected = parseInspect(await run(podman.inspect(ids)));
  return inspected.flatMap((one) => recordOf("podman", one, one.StaticDir ?? "") ?? []);
}

/**
 * Podman restores only what has a bundle: `init` writes it and sets everything up, then runc's container is deleted
 * below podman and the rest taken down. A copy that ran has its bundle and is only taken down.
 */
async function makeRestorable(record: CopyRecord): Promise<void> {
  if (!existsSync(join(record.home, "config.json"))) {
    await run(podman.init(record.id));
    const cgroup = cgroupOf("podman", record.id);
    if (cgroup) writeCgroup(cgroup, "cgroup.kill", "1");
    await run(runc.delete({ root: runcRoots.podman[0], id: record.id }));
  }
  if (!(await isTakenDown(record))) await run(podman.cleanup(record.id));
  if (!existsSync(join(record.home, "config.json"))) {
    throw new CommandError(podman.cleanup(record.id), {
      code: 0,
      output: "",
      ending: "took the bundle away",
    });
  }
}
