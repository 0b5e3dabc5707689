import * as pulumi from "@pulumi/pulumi";
import { HaGroup, HeartbeatAgent, Host, type HostArgs, ProtectedContainer } from "pulumi-container-ha";

interface HostSettings extends Pick<HostArgs, "role" | "maintenance"> {
  name: string;
  address: string;
  hostKey: string;
}

const config = new pulumi.Config();
const privateKey = config.requireSecret("privateKey");

const hosts = config.requireObject<HostSettings[]>("hosts").map(({ name, address, hostKey, ...how }) => ({
  ...how,
  host: new Host(name, { ...how, connection: { host: address, user: "root", privateKey, hostKey } }),
}));
const group = new HaGroup("operators", { hosts: hosts.map(({ host }) => host) });
for (const [index, { host, role }] of hosts.entries())
  if (role !== "witness") new HeartbeatAgent(`agent-${index + 1}`, { host, group });

for (const [name, address] of Object.entries(config.requireObject<Record<string, string>>("containers")))
  new ProtectedContainer(name, {
    group,
    image: config.require("image"),
    command: ["redis-server", "--save", "", "--protected-mode", "no"],
    virtualIps: [address],
    probes: [{ tcp: { port: 6379 } }],
  });
