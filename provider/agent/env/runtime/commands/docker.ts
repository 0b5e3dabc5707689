import { engineNetwork } from "../../../../contract";
import { type CreatePlan, createArgs, labels } from "./create";
import type { EngineNetworkPlan } from "./podman";

/** Name of the checkpoint below a container's own folder; there is only ever one. */
export const dockerCheckpoint = "container-ha";

export function dockerCreate(plan: CreatePlan): string[] {
  return ["docker", ...createArgs(plan)];
}

export const docker = {
  imageExists: (image: string) => ["docker", "image", "inspect", "--format", "{{.Id}}", image],
  imageVolumes: (image: string) => [
    "docker",
    "image",
    "inspect",
    "--format",
    "{{json .Config.Volumes}}",
    image,
  ],
  pull: (image: string) => ["docker", "pull", "--quiet", image],
  load: (archive: string) => ["docker", "load", "--quiet", "--input", archive],
  save: (image: string, archive: string) => ["docker", "save", "--output", archive, image],
  tag: (from: string, to: string) => ["docker", "tag", from, to],
  untag: (name: string) => ["docker", "rmi", "--no-prune", name],
  imageNames: () => ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"],
  start: (id: string) => ["docker", "start", id],
  restore: (id: string) => ["docker", "start", "--checkpoint", dockerCheckpoint, id],
  remove: (nameOrId: string) => ["docker", "rm", "--force", "--volumes", nameOrId],
  /** Ends when it runs no more, at once where it does not. */
  wait: (id: string) => ["docker", "wait", id],
  inspect: (ids: string[]) => ["docker", "container", "inspect", ...ids],
  list: (group: string) => [
    "docker",
    "ps",
    "--all",
    "--quiet",
    "--no-trunc",
    "--filter",
    `label=${labels.group}=${group}`,
  ],
  networkInspect: () => ["docker", "network", "inspect", engineNetwork],
  networkRemove: () => ["docker", "network", "rm", engineNetwork],
  networkCreate: ({ parent, subnet, gateway }: EngineNetworkPlan) => [
    "docker",
    "network",
    "create",
    "--driver",
    "macvlan",
    "--opt",
    `parent=${parent}`,
    "--subnet",
    subnet,
    ...(gateway ? ["--gateway", gateway] : []),
    engineNetwork,
  ],
  /** Whether it takes `start --checkpoint`. */
  isExperimental: () => ["docker", "version", "--format", "{{.Server.Experimental}}"],
  rootFolder: () => ["docker", "info", "--format", "{{.DockerRootDir}}"],
};
