import { LISTEN_SCRIPT, REACH_SCRIPT, STOP_LISTENING_SCRIPT, type Target } from "../commands/reach";
import { type GroupHost, hostPort, type Ports } from "../contract";
import { UserError } from "../errors";
import { onAll } from "../fleet";
import type { HostSession } from "../ssh/session";

/**
 * Checks that each of these hosts reaches each other one on every port it needs, with short-lived listeners where
 * nobody listens yet. Throws with every pair and port that fails.
 */
export async function checkReachability(o: {
  hosts: ReadonlyMap<string, HostSession>;
  addresses: ReadonlyMap<string, Pick<GroupHost, "address">>;
  voters: ReadonlySet<string>;
  ports: Ports;
}): Promise<void> {
  const address = (name: string) => o.addresses.get(name)!.address;
  const busy = new Set<string>();
  await onAll(o.hosts, async (host, name) => {
    const ports = portsOf(name, o).map(({ protocol, port }) => `${protocol}:${port}`);
    const { stdout } = await host.script(LISTEN_SCRIPT, {
      args: [address(name), PIDS, ...ports],
      label: "listen for the other hosts",
    });
    for (const line of stdout.split("\n").filter((text) => text.startsWith("busy ")))
      busy.add(`${name} ${line.slice(5)}`);
  });
  try {
    const results = await onAll(o.hosts, async (host, name) => {
      const others = [...o.hosts.keys()].filter((other) => other !== name);
      const targets = others
        .flatMap((other) =>
          portsOf(other, o).map((port): Target => ({ host: other, address: address(other), ...port })),
        )
        // A heartbeat port that an agent holds answers nobody without a key.
        .filter((target) => !busy.has(`${target.host} ${target.protocol}:${target.port}`));
      return failedTargets(host, address(name), targets);
    });
    const failures = [...results].flatMap(([from, targets]) =>
      targets.map(
        ({ host, address: to, port, protocol }) =>
          `${from} does not reach ${host} at ${to} port ${port}/${protocol}`,
      ),
    );
    if (failures.length > 0) {
      throw new UserError(
        `${failures.join("\n")}\nOpen these ports between the hosts (firewalls, security groups, routing), then run this again.`,
      );
    }
  } finally {
    await onAll(o.hosts, (host) => host.script(STOP_LISTENING_SCRIPT, { args: [PIDS], check: false })).catch(
      () => {},
    );
  }
}

/** Beside the folders of the group: a check that fails leaves no folder behind. */
const PIDS = "/run/container-ha-reach.pids";

function portsOf(
  name: string,
  o: { voters: ReadonlySet<string>; ports: Ports },
): Pick<Target, "port" | "protocol">[] {
  const { etcdClient, etcdPeer, peer, heartbeat } = o.ports;
  const etcd = o.voters.has(name) ? [etcdClient, etcdPeer] : [];
  return [
    ...[...etcd, peer].map((port) => ({ port, protocol: "tcp" as const })),
    { port: heartbeat, protocol: "udp" },
  ];
}

async function failedTargets(host: HostSession, self: string, targets: Target[]): Promise<Target[]> {
  if (targets.length === 0) return [];
  const word = (target: Target) => `${target.protocol}:${hostPort(target.address, target.port)}`;
  const { stdout } = await host.script(REACH_SCRIPT, {
    args: [self, ...targets.map(word)],
    label: "reach the other hosts",
  });
  const failed = new Set(stdout.split("\n"));
  return targets.filter((target) => failed.has(word(target)));
}
