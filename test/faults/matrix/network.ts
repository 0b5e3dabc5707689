import { portsSchema } from "../../../provider/contract/group-config";
import type { Fault, Scene } from "../scene";
import { cutPorts, dropTraffic } from "../traffic";

const { etcdClient, etcdPeer, peer, heartbeat } = portsSchema.parse({});

const isolate = (role: "primary" | "standby", direction: "both" | "in" | "out") => (scene: Scene) =>
  scene.stage.lab.isolate(scene[role], { direction });

const drop = (matches: (scene: Scene) => string[]) => (scene: Scene) =>
  dropTraffic(scene.stage.lab, matches(scene));

/** Cables cut and half cut, and what a firewall may take from a host. */
export const networkFaults: Fault[] = [
  { name: "isolate-primary", serves: "during", inject: isolate("primary", "both") },
  { name: "isolate-standby", serves: "during", inject: isolate("standby", "both") },
  { name: "isolate-primary-out", serves: "during", inject: isolate("primary", "out") },
  { name: "isolate-primary-in", serves: "during", inject: isolate("primary", "in") },
  {
    name: "cut-primary-from-standby",
    serves: "during",
    inject: ({ stage, primary, standby }) => stage.lab.isolate(primary, { from: standby }),
  },
  {
    name: "cut-etcd-of-primary",
    serves: "during",
    inject: drop(({ primary }) => cutPorts(primary, [etcdClient, etcdPeer])),
  },
  {
    name: "cut-peers-of-primary",
    serves: "during",
    inject: drop(({ primary }) => cutPorts(primary, [peer, heartbeat])),
  },
  {
    // No host sees that: there is no failover, and the clients wait.
    name: "cut-clients",
    serves: "after",
    inject: drop(({ stage }) => [`iifname "machine" ip daddr ${stage.subject.address}`]),
  },
  {
    name: "lossy-primary",
    serves: "after",
    lastsMs: 4000,
    inject: drop(({ primary }) =>
      ["iifname", "oifname"].map((side) => `${side} "${primary}" numgen random mod 100 < 30`),
    ),
  },
];
