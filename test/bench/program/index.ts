import * as pulumi from "@pulumi/pulumi";
import { CheckpointSchedule, HaGroup, HeartbeatAgent, Host, ProtectedContainer } from "pulumi-container-ha";

const config = new pulumi.Config();
const privateKey = config.requireSecret("privateKey");

const settings = config.requireObject<{ name: string; address: string; hostKey: string }[]>("hosts");
const hosts = settings.map(
  ({ name, address, hostKey }) =>
    new Host(name, { connection: { host: address, user: "root", privateKey, hostKey } }),
);
const group = new HaGroup("bench", { hosts, profile: "default" });
for (const { name } of settings) new HeartbeatAgent(name, { host: name, group });

for (const { name, address } of config.requireObject<{ name: string; address: string }[]>("containers")) {
  const container = new ProtectedContainer(name, {
    group,
    image: config.require("image"),
    command: ["redis-server", "--save", "", "--protected-mode", "no"],
    virtualIps: [address],
    probes: [{ tcp: { port: 6379 } }],
  });
  new CheckpointSchedule(name, { container, intervalSeconds: 10 });
}
