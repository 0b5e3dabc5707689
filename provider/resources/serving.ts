import type { GroupStatus } from "../contract";

type Container = GroupStatus["containers"][number];

/** Containers that run on some host. */
export function servedContainers(status: GroupStatus | null): Container[] {
  return status?.containers.filter(({ primary }) => primary !== null) ?? [];
}

/** With the stacks that they belong to. */
export function namesOf(containers: readonly Container[]): string {
  return containers.map(({ name, stack }) => `${name} (stack ${stack})`).join(", ");
}
