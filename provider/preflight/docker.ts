import { z } from "zod";
import { parseJson } from "../contract";
import { UserError } from "../errors";
import type { HostSession } from "../ssh/session";
import type { Facts } from "./facts";

const DAEMON_FILE = "/etc/docker/daemon.json";
const RESTART_TIMEOUT_MS = 120_000;

/** Settings of docker's daemon that restoring a checkpoint depends on. */
export const dockerFactsSchema = z.object({
  /** It takes `docker start --checkpoint`. */
  experimental: z.boolean(),
  /** Whose store keeps images and layers: its own, or containerd's. */
  imageStore: z.enum(["docker", "containerd"]),
  /** How many containers a restart of the daemon would end. */
  endedByRestart: z.number(),
});
export type DockerFacts = z.infer<typeof dockerFactsSchema>;

const infoSchema = z.object({
  ExperimentalBuild: z.boolean().default(false),
  LiveRestoreEnabled: z.boolean().default(false),
  ContainersRunning: z.number().default(0),
  DriverStatus: z.array(z.array(z.string())).nullish(),
  ServerErrors: z.array(z.string()).nullish(),
});

/** Reads `docker info --format '{{json .}}'`; null: no daemon has answered. */
export function dockerFactsIn(info: string | null): DockerFacts | null {
  if (!info) return null;
  const told = parseJson(infoSchema, info, "output of `docker info`");
  if (told.ServerErrors && told.ServerErrors.length > 0) return null;
  const isContainerd = (told.DriverStatus ?? []).some(([, value]) => value?.startsWith("io.containerd."));
  return {
    experimental: told.ExperimentalBuild,
    imageStore: isContainerd ? "containerd" : "docker",
    endedByRestart: told.LiveRestoreEnabled ? 0 : told.ContainersRunning,
  };
}

/** Why this host's docker restores no checkpoint, with the fix; undefined: it does, or the Host can set it. */
export function dockerFault({ docker, dockerDaemon: daemon }: Facts): string | undefined {
  if (docker === null) return undefined;
  if (!daemon) return "docker's daemon does not answer: see `systemctl status docker`";
  if (daemon.imageStore === "containerd") {
    return `docker keeps layers in containerd's store, where no checkpoint of them can be taken: set "features": {"containerd-snapshotter": false} in ${DAEMON_FILE}, restart docker, and pull the images again`;
  }
  if (daemon.experimental || daemon.endedByRestart === 0) return undefined;
  return `docker restores no checkpoint without "experimental": true in ${DAEMON_FILE}; setting it means a restart of docker, which would end ${daemon.endedByRestart} running containers here: do that when they may end (\`systemctl restart docker\`)`;
}

/** Whether the Host can have docker restore checkpoints by a setting, without ending anything. */
export function lacksExperimental({ docker, dockerDaemon: daemon }: Facts): boolean {
  return docker !== null && daemon !== null && !daemon.experimental;
}

/** What a person reads of that. */
export const LACKS_EXPERIMENTAL = `missing: "experimental": true in ${DAEMON_FILE}, without which docker restores no checkpoint`;

/** Adds the setting to those that are there, and restarts docker. Where it does not start with it, all is as before. */
export async function setExperimental(host: HostSession): Promise<void> {
  const before = await host.readFile(DAEMON_FILE);
  const settings = settingsIn(before, host.name);
  const text = `${JSON.stringify({ ...settings, experimental: true }, null, 2)}\n`;
  await host.run(["mkdir", "-p", "/etc/docker"]);
  await host.upload({ path: DAEMON_FILE, content: text, mode: 0o644 });
  try {
    await restart(host);
  } catch (error) {
    if (before === null) await host.run(["rm", "-f", "--", DAEMON_FILE]);
    else await host.upload({ path: DAEMON_FILE, content: before, mode: 0o644 });
    await restart(host).catch(() => {});
    throw error;
  }
}

/** One that was restarted a few times within seconds would be refused. */
async function restart(host: HostSession): Promise<void> {
  await host.script("systemctl reset-failed docker 2>/dev/null; systemctl restart docker", {
    label: "restart docker",
    timeoutMs: RESTART_TIMEOUT_MS,
  });
}

function settingsIn(text: string | null, host: string): Record<string, unknown> {
  if (text === null || text.trim() === "") return {};
  try {
    return parseJson(z.record(z.string(), z.unknown()), text, DAEMON_FILE);
  } catch (error) {
    throw new UserError(`docker's settings on ${host} cannot be read: ${(error as Error).message}`);
  }
}
