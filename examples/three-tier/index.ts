import * as pulumi from "@pulumi/pulumi";
import {
  AntiAffinityRule,
  CheckpointSchedule,
  HaGroup,
  HeartbeatAgent,
  Host,
  ProtectedContainer,
} from "pulumi-container-ha";

interface HostSettings {
  name: string;
  address: string;
  hostKey: string;
  zone: string;
}
interface Addresses {
  database: string;
  apps: string[];
  front: string;
}

const config = new pulumi.Config();
const privateKey = config.requireSecret("privateKey");
const images = config.requireObject<{ database: string; python: string }>("images");
const addresses = config.requireObject<Addresses>("addresses");
const checkpointSeconds = config.getNumber("checkpointSeconds") ?? 10;

const settings = config.requireObject<HostSettings[]>("hosts");
const hosts = settings.map(
  ({ name, address, hostKey, zone }) =>
    new Host(name, { connection: { host: address, privateKey, hostKey }, labels: { zone } }),
);
const profile = config.get("profile") === "fast" ? "fast" : "default";
const group = new HaGroup("shop", { hosts, profile });
for (const { name } of settings) new HeartbeatAgent(name, { host: name, group });

// Tier 3: the state. It survives the death of its host with its memory and keeps its address.
const database = new ProtectedContainer("database", {
  group,
  image: images.database,
  command: ["redis-server", "--save", "", "--protected-mode", "no"],
  virtualIps: [addresses.database],
  probes: [{ tcp: { port: 6379 } }],
});
new CheckpointSchedule("database-schedule", { container: database, intervalSeconds: checkpointSeconds });

// Tier 2: two applications, never in one zone, which find the database by its virtual IP wherever it runs.
new AntiAffinityRule("apps-apart", { group, matchLabels: { tier: "app" }, topologyKey: "zone" });
addresses.apps.map(
  (address, index) =>
    new ProtectedContainer(`app-${index + 1}`, {
      group,
      image: images.python,
      command: ["python3", "/app.py"],
      envs: [`DATABASE=${addresses.database}`, `NAME=app-${index + 1}`],
      labels: [{ label: "tier", value: "app" }],
      virtualIps: [address],
      probes: [{ http: { port: 8080, path: "/health" } }],
    }),
);

// Tier 1: a stateless front. Nothing in its memory is worth restoring, so a crash is a plain restart.
new ProtectedContainer("front", {
  group,
  image: images.python,
  command: ["python3", "/front.py"],
  envs: [`APPS=${addresses.apps.join(",")}`],
  virtualIps: [addresses.front],
  probes: [{ http: { port: 8080, path: "/health" } }],
  onFailure: { crash: "restart" },
});

export const url = `http://${addresses.front}:8080/`;
