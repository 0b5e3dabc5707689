import { statusText } from "../../provider/agent/cli/status-text";
import { specOf } from "../sim/group";
import { untilProtected } from "../sim/scenario";
import { createWorld, type World } from "../sim/world";
import type { Narrator } from "./narrator";

export interface SimulatedResult {
  ok: boolean;
  simulated: true;
  killedHost: string;
  servedBy: string;
  /** How long nobody answered, ms of virtual time. */
  gapMs: number;
  counterBefore: number;
  counterAfter: number;
}

/** The demo's story where no test hosts can run: the real agents, but hosts, store, network and time are simulated. */
export async function tellSimulatedStory({
  narrator: { say, show },
  missing,
}: {
  narrator: Narrator;
  missing: string;
}): Promise<SimulatedResult> {
  say(
    `This is a simulation: the real agents run here on virtual time, without real hosts or containers. For the real demo: ${missing}.\n`,
  );
  const world = await createWorld();
  try {
    say("Three hosts a, b and c form a group. A container whose memory counts milliseconds is declared.");
    await world.protect(specOf({ name: "db", preferredHost: "a" }));
    await world.run(15_000);
    const status = (host: string) => show(statusText(world.host(host).agent!.agent.status()));
    status("a");
    const told = await cutPower(world, say);
    say("a gets its power back; it removes its stale copy and learns that it is a standby, or none.");
    world.powerOn("a");
    await world.run(15_000);
    await untilProtected(world);
    status(told.servedBy);
    say("What the hosts said, in seconds of virtual time:");
    show(
      world.story.filter((line) => / (suspicion|hold|fence|failover|serve|evict): /.test(line)).join("\n"),
    );
    const ok = told.counterAfter >= told.counterBefore && world.answering().length === 1;
    return { ok, simulated: true, ...told };
  } finally {
    world.end();
  }
}

async function cutPower(world: World, say: Narrator["say"]) {
  const killedHost = world.owner()!.host;
  const counterBefore = Math.round(world.invariants.acknowledged("db"));
  say(
    `The last committed checkpoint has the counter at ${counterBefore}. Cutting the power of ${killedHost}.`,
  );
  const cutAt = world.now();
  world.powerOff(killedHost);
  await world.until("another host answers", () => world.answering().length === 1);
  const gapMs = Math.round(world.now() - cutAt);
  const [servedBy] = world.answering() as [string];
  const counterAfter = Math.round(world.counter());
  say(
    `Nobody answered for ${gapMs} ms. Now ${servedBy} answers, at epoch ${world.owner()!.epoch}, and counts on from ${counterAfter}.`,
  );
  say("At no instant did two hosts answer: that is checked after every event.");
  return { killedHost, servedBy, gapMs, counterBefore, counterAfter };
}
