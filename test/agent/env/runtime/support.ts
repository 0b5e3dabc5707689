import { type ContainerSpec, containerSpecSchema } from "../../../../provider/contract";

/** A valid specification with little in it; `workload` adds to or replaces parts of it. */
export function specOf(
  workload: Partial<ContainerSpec["workload"]> = {},
  virtualIps = ["10.77.0.100"],
): ContainerSpec {
  return containerSpecSchema.parse({
    name: "r1",
    stack: "shop/dev",
    workload: { engine: "podman", image: "registry.lab:5000/redis-lab", ...workload },
    virtualIps,
  });
}
