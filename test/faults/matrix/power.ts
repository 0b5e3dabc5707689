import { containerStatus } from "../../support/group";
import type { Fault, Scene } from "../scene";
import { SUBJECT } from "../stage";

type Role = "primary" | "standby" | "spare";

const cut = (...roles: Role[]) => {
  return ({ stage: { lab }, ...scene }: Scene) =>
    Promise.all(roles.map((role) => (lab.power(scene[role]) === "off" ? null : lab.kill(scene[role]))));
};
const pause = (role: Role) => (scene: Scene) => scene.stage.lab.pause(scene[role]);

/** Hosts without power, and hosts on which nothing runs for a while. */
export const powerFaults: Fault[] = [
  { name: "power-cut-primary", serves: "during", inject: cut("primary") },
  { name: "power-cut-standby", serves: "during", inject: cut("standby") },
  { name: "power-cut-spare", serves: "during", inject: cut("spare") },
  { name: "power-cut-primary-and-standby", serves: "after", inject: cut("primary", "standby") },
  { name: "power-cut-all", serves: "after", inject: cut("primary", "standby", "spare") },
  { name: "pause-primary", serves: "during", lastsMs: 4000, gate: "unwatched", inject: pause("primary") },
  { name: "pause-standby", serves: "during", gate: "unwatched", inject: pause("standby") },
  { name: "two-failovers-at-once", serves: "during", inject: cutTwo },
  { name: "flapping-primary", serves: "after", inject: flap },
];

/** The host on which the primaries of two containers are, wherever what came before has moved them. */
async function cutTwo({ stage }: Scene): Promise<void> {
  const { primary } = await containerStatus(stage.lab, SUBJECT);
  await stage.invite(primary!);
  await stage.lab.kill(primary!);
}

/** Off, on, and off again before it has found its place. */
async function flap({ stage: { lab }, primary }: Scene): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    if (lab.power(primary) !== "off") await lab.kill(primary);
    await lab.start(primary);
  }
}
