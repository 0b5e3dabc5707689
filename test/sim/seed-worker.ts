import { parentPort } from "node:worker_threads";
import { scheduleOf } from "./schedule";
import { runTrial } from "./trial";

parentPort!.on("message", async (seed: number) => {
  parentPort!.postMessage(await runTrial(scheduleOf(seed)));
});
