import * as pulumi from "@pulumi/pulumi";
import { CheckpointSchedule, HaGroup, HeartbeatAgent, Host, ProtectedContainer } from "pulumi-container-ha";

interface HostSettings {
  name: string;
  address: string;
  /** Public host key, as in known_hosts: `ssh-ed25519 AAAA...`. */
  hostKey: string;
  user?: string;
  /** Attempts to reach it before it counts as dead. */
  dialErrorLimit?: number;
}

const config = new pulumi.Config();
const privateKey = config.requireSecret("privateKey");
const engine = (config.get("engine") ?? "podman") as "podman" | "docker";

const probeCommand = config.getObject<string[]>("probeCommand");

// Three hosts: where one runs the Redis, another keeps its checkpoints, and any two of them are a quorum.
const settings = config.requireObject<HostSettings[]>("hosts");
const hosts = settings.map(
  ({ name, address, hostKey, user, dialErrorLimit }) =>
    new Host(name, {
      connection: {
        host: address,
        user: user ?? "root",
        privateKey,
        hostKey,
        sudo: user !== undefined,
        dialErrorLimit,
      },
      engines: [engine],
    }),
);
const group = new HaGroup("redis-group", {
  hosts,
  profile: config.get("profile") === "default" ? "default" : "fast",
  // Served on without a majority of voters, as long as every host is up and promises to take nothing.
  onQuorumLoss: config.get("onQuorumLoss") === "failsafe" ? "failsafe" : "freeze",
  // Switches a silent host off, where there is something that can: a power distribution unit, IPMI, a hypervisor.
  fencing: config.getObject<{ command: string[]; required?: boolean }>("fencing"),
});
// By name, not by place in the list: a host that leaves it must not rename the agents of the others.
for (const { name } of settings) new HeartbeatAgent(name, { host: name, group });

const redis = new ProtectedContainer("redis", {
  group,
  engine,
  image: config.require("image"),
  command: ["redis-server", "--save", "", "--protected-mode", "no"],
  virtualIps: [config.require("virtualIp")],
  // Warm: a failover does not wait for a restore, for the price of its memory once more.
  standby: config.get("standby") === "warm" ? "warm" : "cold",
  // A connection tells that the process lives; a command inside tells that it answers, and costs more.
  onFailure: { tries: config.getNumber("tries") ?? 3 },
  probes: [probeCommand ? { exec: probeCommand, interval: 2 } : { tcp: { port: 6379 } }],
});
new CheckpointSchedule("redis-schedule", {
  container: redis,
  intervalSeconds: config.getNumber("checkpointSeconds") ?? 10,
});

export const address = config.require("virtualIp");
export const primary = redis.primary;
export const epoch = redis.epoch;
export const generation = redis.generation;
