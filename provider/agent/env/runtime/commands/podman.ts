import { engineNetwork } from "../../../../contract";
import { type CreatePlan, createArgs, labels } from "./create";

export interface EngineNetworkPlan {
  parent: string;
  subnet: string;
  gateway?: string;
}

/** runc is asked for by name: with crun, podman's default, CRIU cannot restore beside cgroup v1. */
export function podmanCreate(plan: CreatePlan): string[] {
  const [create = "", ...args] = createArgs(plan);
  // Podman limits the number of processes by default, and fails where the host has no controller for it.
  const unlimited = plan.controllers.includes("pids") ? [] : ["--pids-limit", "0"];
  // What an image declares as a VOLUME stays in the layer, so that it goes into each generation.
  return ["podman", "--runtime", "runc", create, "--image-volume", "ignore", ...unlimited, ...args];
}

export const podman = {
  imageExists: (image: string) => ["podman", "image", "exists", image],
  pull: (image: string) => ["podman", "pull", "--quiet", image],
  load: (archive: string) => ["podman", "load", "--quiet", "--input", archive],
  save: (image: string, archive: string) => [
    "podman",
    "save",
    "--quiet",
    "--format",
    "docker-archive",
    "--output",
    archive,
    image,
  ],
  tag: (from: string, to: string) => ["podman", "tag", from, to],
  untag: (name: string) => ["podman", "untag", name, name],
  imageNames: () => ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}"],
  init: (id: string) => ["podman", "init", id],
  cleanup: (id: string) => ["podman", "container", "cleanup", id],
  start: (id: string) => ["podman", "start", id],
  restore: (id: string) => ["podman", "container", "restore", id],
  remove: (nameOrId: string) => ["podman", "rm", "--force", "--time", "0", "--volumes", "--ignore", nameOrId],
  inspect: (ids: string[]) => ["podman", "container", "inspect", ...ids],
  list: (group: string) => [
    "podman",
    "ps",
    "--all",
    "--quiet",
    "--no-trunc",
    "--filter",
    `label=${labels.group}=${group}`,
  ],
  /** Unlike `inspect` it does not wait for the lock of each container. */
  networkExists: () => ["podman", "network", "exists", engineNetwork],
  networkInspect: () => ["podman", "network", "inspect", engineNetwork],
  networkRemove: () => ["podman", "network", "rm", engineNetwork],
  networkCreate: ({ parent, subnet, gateway }: EngineNetworkPlan) => [
    "podman",
    "network",
    "create",
    "--driver",
    "macvlan",
    "--opt",
    `parent=${parent}`,
    "--subnet",
    subnet,
    // Without a gateway podman would make the first address of the subnet the default route.
    ...(gateway ? ["--gateway", gateway] : ["--opt", "no_default_route=1"]),
    "--disable-dns",
    engineNetwork,
  ],
  version: () => ["podman", "version", "--format", "{{.Client.Version}}"],
};
