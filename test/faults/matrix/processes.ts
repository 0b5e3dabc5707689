import { failpoints, orderFailpoint } from "../failpoints";
import { signalCommands } from "../processes";
import { type Fault, inHost, type Scene } from "../scene";

/** Every process of ours, killed and stopped, where the container runs and where its standby is. */
export const processFaults: Fault[] = Object.entries(signalCommands).flatMap(([process, command]) =>
  (["primary", "standby"] as const).flatMap((role): Fault[] => {
    const send = (name: string) => (scene: Scene) => inHost(scene, scene[role], command(name));
    return [
      { name: `kill-${process}-${role}`, serves: "during", inject: send("KILL") },
      {
        name: `stop-${process}-${role}`,
        serves: "during",
        gate: process === "lease" || process === "nft" ? "unwatched" : undefined,
        inject: send("STOP"),
      },
    ];
  }),
);

/** An agent that hangs for longer than the lease bears with it: renewals end, and a standby takes over. */
export const hangFaults: Fault[] = [
  {
    name: "hang-agent-primary",
    serves: "during",
    lastsMs: 9000,
    inject: (scene) => inHost(scene, scene.primary, signalCommands.agent("STOP")),
  },
];

/** The lease process of the primary, stopped for longer than its lease or killed, at each step of a renewal. */
export const failpointFaults: Fault[] = failpoints.flatMap((point) =>
  (["SIGSTOP", "SIGKILL"] as const).map(
    (name): Fault => ({
      name: `${name === "SIGSTOP" ? "stop" : "kill"}-lease-${point}`,
      serves: "during",
      gate: name === "SIGSTOP" ? "unwatched" : undefined,
      inject: (scene) => orderFailpoint(scene, scene.primary, point, name),
    }),
  ),
);
