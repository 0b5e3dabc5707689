import * as pulumi from "@pulumi/pulumi";
import { HaGroup, HeartbeatAgent, Host } from "pulumi-container-ha";

const config = new pulumi.Config();
const privateKey = config.requireSecret("privateKey");

// A user who may sudo without a password, as on most cloud images.
const settings = config.requireObject<{ name: string; address: string; hostKey: string }[]>("hosts");
const hosts = settings.map(
  ({ name, address, hostKey }) =>
    new Host(name, { connection: { host: address, user: "ops", sudo: true, privateKey, hostKey } }),
);
const group = new HaGroup("platform", { hosts, profile: "default" });
for (const { name } of settings) new HeartbeatAgent(name, { host: name, group });

export const handle = group.handle;
