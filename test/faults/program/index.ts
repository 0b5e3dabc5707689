import * as pulumi from "@pulumi/pulumi";
import { CheckpointSchedule, HaGroup, HeartbeatAgent, Host, ProtectedContainer } from "pulumi-container-ha";

const config = new pulumi.Config();
const privateKey = config.requireSecret("privateKey");

const settings = config.requireObject<{ name: string; address: string; hostKey: string }[]>("hosts");
const hosts = settings.map(
  ({ name, address, hostKey }) =>
    new Host(name, { connection: { host: address, user: "root", privateKey, hostKey } }),
);
const group = new HaGroup("faults", { hosts, profile: "fast" });
for (const { name } of settings) new HeartbeatAgent(name, { host: name, group });

for (const { name, address } of config.requireObject<{ name: string; address: string }[]>("containers")) {
  const container = new ProtectedContainer(name, {
    group,
    image: config.require("image"),
    virtualIps: [address],
    probes: [{ http: { port: 8000 }, interval: 1 }],
  });
  new CheckpointSchedule(name, { container, intervalSeconds: 5 });
}
