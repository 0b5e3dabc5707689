import { z } from "zod";

const NETWORK =
  "a protected container has its own address in the group's network, so that what it opened and accepted can go on " +
  "elsewhere; give virtualIps";
const VOLUME =
  "data outside the container's own layer is not part of a checkpoint yet, and a failover would separate it from the " +
  "memory that belongs to it; keep the data in the container";
const PRIVILEGE =
  "CRIU cannot restore on another host what depends on this host's devices or kernel settings";
const ENGINE = "the agents start, stop and restart the container, never the engine by itself";

/** Arguments of an ordinary container that cannot be protected, each with the reason. */
const refusals = {
  networkMode: `host and other network modes are refused: ${NETWORK}`,
  networksAdvanced: `further networks are refused: ${NETWORK}`,
  ports: `published ports are refused: ${NETWORK}, at which all its ports are reached`,
  publishAllPorts: `published ports are refused: ${NETWORK}, at which all its ports are reached`,
  volumes: `bind mounts and named volumes are refused: ${VOLUME}`,
  mounts: `bind mounts and named volumes are refused: ${VOLUME}`,
  privileged: `privileged containers are refused: ${PRIVILEGE}`,
  devices: `devices are refused: ${PRIVILEGE}`,
  gpus: `GPUs are refused: ${PRIVILEGE}`,
  pidMode: `sharing the host's processes is refused: ${PRIVILEGE}`,
  ipcMode: `sharing the host's IPC is refused: ${PRIVILEGE}`,
  usernsMode: `other user namespaces are refused: ${PRIVILEGE}`,
  restart: `restart policies are refused: ${ENGINE}; see onFailure`,
  healthcheck: `the engine's health check is not used: ${ENGINE}; give probes`,
  tty: "a terminal is refused: CRIU cannot restore one that belongs to this host",
};

/** Schema fields that accept nothing, and say why. */
export const refusedFields = Object.fromEntries(
  Object.entries(refusals).map(([field, reason]) => [field, z.never({ error: reason }).optional()]),
) as Record<keyof typeof refusals, z.ZodOptional<z.ZodNever>>;
