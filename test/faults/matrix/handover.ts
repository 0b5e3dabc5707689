import { units } from "../../../provider/contract";
import { until } from "../../support/until";
import { type Fault, inHost, type Scene } from "../scene";
import { SUBJECT } from "../stage";

const BEGIN_LIMIT_MS = 30_000;
/** So long without an answer: the container is frozen for the move. */
const FROZEN_MS = 15;

/** A planned move to the standby; resolves when nobody serves any more, which is the moment that matters. */
async function beginMove(scene: Scene): Promise<void> {
  const { prober } = scene.stage.subject;
  const command = `container-ha migrate ${SUBJECT} --to ${scene.standby}`;
  await inHost(scene, scene.primary, `setsid ${command} >/dev/null 2>&1 </dev/null &`);
  await until(() => Date.now() - prober.lastAnswerAt() > FROZEN_MS, "the move's freeze", BEGIN_LIMIT_MS);
}

const kill = (unit: string) => `systemctl kill -s KILL --kill-whom=main ${unit}`;
const moving = (name: string, then: (scene: Scene) => Promise<unknown>): Fault => ({
  name: `handover-${name}`,
  serves: "during",
  async inject(scene) {
    await beginMove(scene);
    await then(scene);
  },
});

/** A planned move, alone and while one of its parties dies: it completes, or the source goes on. */
export const handoverFaults: Fault[] = [
  moving("undisturbed", async () => {}),
  moving("power-cut-target", ({ stage, standby }) => stage.lab.kill(standby)),
  moving("power-cut-source", ({ stage, primary }) => stage.lab.kill(primary)),
  moving("kill-agent-target", (scene) => inHost(scene, scene.standby, kill(units.agent))),
  moving("kill-agent-source", (scene) => inHost(scene, scene.primary, kill(units.agent))),
  moving("kill-lease-source", (scene) => inHost(scene, scene.primary, kill(units.lease))),
  moving("isolate-target", ({ stage, standby }) => stage.lab.isolate(standby)),
];
