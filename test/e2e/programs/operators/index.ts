import * as pulumi from "@pulumi/pulumi";
import { HaGroup, HeartbeatAgent, Host, type HostArgs, ProtectedContainer } from "pulumi-container-ha";

interface HostSettings extends Pick<HostArgs, "role" | "maintenance"> {
  name: string;
  address: string;
  hostKey: string;
}

const config = new pulumi.Config();
const privateKey = config.requireSecret("privateKey");

/** What is added to the names that resources have in the program; not to those of what they stand for. */
const suffix = config.get("suffix") ?? "";
const settings = config.requireObject<HostSettings[]>("hosts");
const hosts = settings.map(
  ({ name, address, hostKey, ...how }) =>
    new Host(`${name}${suffix}`, {
      ...how,
      name,
      connection: { host: address, user: "root", privateKey, hostKey },
    }),
);
const group = new HaGroup(`operators${suffix}`, {
  name: "operators",
  hosts,
  ports: config.getObject("ports"),
});
for (const { name, role } of settings)
  if (role !== "witness") new HeartbeatAgent(`${name}${suffix}`, { host: name, group });

for (const [name, address] of Object.entries(config.requireObject<Record<string, string>>("containers")))
  new ProtectedContainer(`${name}${suffix}`, {
    name,
    group,
    image: config.require("image"),
    command: ["redis-server", "--save", "", "--protected-mode", "no"],
    virtualIps: [address],
    probes: [{ tcp: { port: 6379 } }],
  });
