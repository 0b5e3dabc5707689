import * as pulumi from "@pulumi/pulumi";
import {
  CheckpointSchedule,
  HaGroup,
  HeartbeatAgent,
  Host,
  ProtectedContainer,
  type ProtectedContainerArgs,
} from "pulumi-container-ha";

interface HostSettings {
  name: string;
  address: string;
  hostKey: string;
  maintenance: boolean;
}

type ContainerSettings = Pick<
  ProtectedContainerArgs,
  "image" | "command" | "envs" | "memory" | "probes" | "virtualIps"
> & { name: string; intervalSeconds: number };

const config = new pulumi.Config();
const privateKey = config.requireSecret("privateKey");

const settings = config.requireObject<HostSettings[]>("hosts");
const hosts = settings.map(
  ({ name, address, hostKey, maintenance }) =>
    new Host(name, { connection: { host: address, user: "root", privateKey, hostKey }, maintenance }),
);
const group = new HaGroup("storm", { hosts });
for (const { name } of settings) new HeartbeatAgent(name, { host: name, group });

for (const { name, intervalSeconds, ...args } of config.requireObject<ContainerSettings[]>("containers")) {
  const container = new ProtectedContainer(name, { ...args, group });
  new CheckpointSchedule(name, { container, intervalSeconds });
}
