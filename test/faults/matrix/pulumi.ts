import { setTimeout as sleep } from "node:timers/promises";
import type { PulumiRun } from "../../support/pulumi";
import type { Fault, Scene } from "../scene";

/** In the middle of what an `up` with nothing to do looks at. */
const UNDER_WAY_MS = 2000;
const running = new WeakMap<Scene, Promise<PulumiRun>>();

/** The operator's program runs while a host dies. That run may fail with its reason; the next one must not. */
export const pulumiFaults: Fault[] = [
  {
    name: "power-cut-primary-during-up",
    serves: "during",
    async inject(scene) {
      const { lab, stack } = scene.stage;
      running.set(scene, stack.up());
      await sleep(UNDER_WAY_MS);
      if (lab.power(scene.primary) !== "off") await lab.kill(scene.primary);
    },
    async heal(scene) {
      await running.get(scene);
      const { code, output } = await scene.stage.stack.up();
      if (code !== 0) throw new Error(`pulumi up after the power cut ended with ${code}:\n${output}`);
    },
  },
];
