import {
  type ContainerSpec,
  containerSpecSchema,
  type GroupConfig,
  type Policy,
  type Timing,
  timingOf,
} from "../../provider/contract";

export const GROUP = "sim";

export function policyOf({ hosts, timing }: { hosts: string[]; timing?: Timing }): Policy {
  return {
    group: GROUP,
    hosts: hosts.map((name, index) => ({
      name,
      address: `10.0.0.${index + 1}`,
      role: "member",
      labels: { zone: name },
    })),
    timing: timing ?? timingOf("default", false),
    failover: "automatic",
    interface: "eth0",
    subnet: "10.0.0.0/24",
    etcdEndpoints: ["10.0.0.1:7379"],
    ports: { etcdClient: 7379, etcdPeer: 7380, peer: 7381, heartbeat: 7382 },
  };
}

export function configOf(host: string, policy: Policy): GroupConfig {
  return { version: 1, host, etcdServerName: "etcd.sim", policy };
}

/** A small specification; what a test does not care about is left out. */
export function specOf(
  change: Omit<Partial<ContainerSpec>, "workload"> & { image?: string } = {},
): ContainerSpec {
  const { image = "redis:7", ...rest } = change;
  return containerSpecSchema.parse({
    name: "db",
    stack: "shop/dev",
    workload: { engine: "podman", image },
    virtualIps: ["10.0.0.100"],
    ...rest,
  });
}
