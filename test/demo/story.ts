import type { Lab } from "../lab/lab";
import { containerStatus, isProtected, untilContainer } from "../support/group";
import { leftovers } from "../support/leftovers";
import { watchLinks } from "../support/link-watch";
import type { PulumiRun, Stack } from "../support/pulumi";
import { fillRedis, redisCommand, startCounting } from "../support/redis-client";
import { hostLinks, redisAddress, redisStack } from "../support/redis-story";
import { until } from "../support/until";
import type { Narrator } from "./narrator";

const KEYS = 10_000;

export interface DemoResult {
  ok: boolean;
  upSeconds: number;
  noopUpSeconds: number;
  killedHost: string;
  servedBy: string;
  /** What the connected client saw, ms. */
  gapMs: number;
  /** Keys in the last committed generation before the cut. */
  keysBefore: number;
  keysAfter: number;
  answeredByTwo: boolean;
  previewChanges: number;
  leftovers: string[];
}

/** The product's whole story on three fresh hosts: protect, break, look, repair, remove. */
export async function tellStory({
  lab,
  narrator,
  keep,
}: {
  lab: Lab;
  narrator: Narrator;
  keep: boolean;
}): Promise<DemoResult> {
  const { say, step, show } = narrator;
  const address = redisAddress(lab);
  const stack = await redisStack(lab, { profile: "fast" });
  const run = (sentence: string, work: () => Promise<PulumiRun>) => step(sentence, () => succeed(work()));

  const up = await run(
    "`pulumi up` of examples/redis-ha: checks the hosts, sets up the group and its agents, starts Redis",
    () => stack.up(),
  );

  await step(`Filling Redis at its virtual IP ${address} with ${KEYS.toLocaleString("en")} keys`, () =>
    fillRedis(address, { keys: KEYS, bytes: 1000 }),
  );
  const before = await containerStatus(lab, "redis");
  await step("Taking a checkpoint of its memory and committing it on the standby", () =>
    lab.exec(before.primary!, "container-ha checkpoint redis"),
  );
  await untilContainer(lab, "redis", { what: "protection", limitMs: 30_000, holds: isProtected });
  const keysBefore = Number(await redisCommand(address, "DBSIZE"));
  show(await lab.exec(before.primary!, "container-ha status"));
  const noop = await run("`pulumi up` again, with nothing to do", () => stack.up());

  const failover = await cutPower({ lab, narrator, primary: before.primary!, address });
  const keysAfter = Number(await redisCommand(address, "DBSIZE"));
  say(
    `Redis has ${keysAfter.toLocaleString("en")} keys; the last committed checkpoint before the cut had ${keysBefore.toLocaleString("en")}.`,
  );

  await step(
    `Switching ${failover.killedHost} on again; it removes its stale copy and becomes a standby`,
    async () => {
      await lab.start(failover.killedHost);
      await untilContainer(lab, "redis", { what: "full protection", limitMs: 60_000, holds: isProtected });
    },
  );
  show(await lab.exec(failover.servedBy, "container-ha status"));
  show(await lab.exec(failover.servedBy, "container-ha events --limit 8"));

  const preview = await run(
    "`pulumi preview`: the failover is run time, not a change of what was declared",
    () => stack.preview(),
  );
  const previewChanges = changes(preview);
  say(`Preview would change ${previewChanges} resources.`);

  const left = keep ? await keepStack(stack, narrator) : await removeAll({ lab, stack, narrator });
  const result = {
    upSeconds: round(up.seconds),
    noopUpSeconds: round(noop.seconds),
    ...failover,
    keysBefore,
    keysAfter,
    previewChanges,
    leftovers: left,
  };
  const ok = keysAfter >= keysBefore && !failover.answeredByTwo && previewChanges === 0 && left.length === 0;
  say(
    `\nFirst \`up\` ${result.upSeconds} s, \`up\` with nothing to do ${result.noopUpSeconds} s, gap seen by the client ${failover.gapMs} ms.`,
  );
  return { ok, ...result };
}

async function cutPower({
  lab,
  narrator,
  primary,
  address,
}: {
  lab: Lab;
  narrator: Narrator;
  primary: string;
  address: string;
}) {
  const watch = await watchLinks(hostLinks(lab), address);
  const client = startCounting(address, "counter");
  await until(() => client.value() > 100, "the client's first replies", 10_000);
  // The generation knows who is connected, so that the next host can tell them that it has taken over.
  await lab.exec(primary, "container-ha checkpoint redis");
  narrator.say(
    `A client increments a counter every 2 ms. Cutting the power of ${primary}, where Redis runs, now.`,
  );
  const cutAt = (await lab.kill(primary)) - performance.timeOrigin;
  await until(() => client.gapAfter(cutAt) !== undefined, "an answer after the cut", 60_000);
  const seen = client.replies();
  await until(() => client.replies() > seen + 200, "more answers after the cut", 10_000);
  await client.stop();
  const sightings = await watch.stop();
  const after = await untilContainer(lab, "redis", {
    what: "a new primary",
    limitMs: 30_000,
    holds: ({ primary: now }) => now !== null && now !== primary,
  });
  const gapMs = client.gapAfter(cutAt)!.ms;
  narrator.say(
    `The client was without an answer for ${gapMs} ms. ${after.primary} answers now, at epoch ${after.epoch}.`,
  );
  narrator.say(
    sightings.answeredByTwo
      ? "TWO HOSTS ANSWERED AT THE SAME TIME."
      : "At no time did two hosts answer (captured on every host's link).",
  );
  return { killedHost: primary, servedBy: after.primary!, gapMs, answeredByTwo: sightings.answeredByTwo };
}

async function removeAll({
  lab,
  stack,
  narrator,
}: {
  lab: Lab;
  stack: Stack;
  narrator: Narrator;
}): Promise<string[]> {
  await narrator.step("`pulumi destroy`", () => succeed(stack.destroy()));
  const left = await leftovers(lab);
  narrator.say(left.length === 0 ? "Nothing is left on any host." : `Left on the hosts: ${left.join("; ")}`);
  stack.dispose();
  return left;
}

async function keepStack(stack: Stack, narrator: Narrator): Promise<string[]> {
  narrator.say(`The stack stays: its program and settings are in ${stack.folder}.`);
  return [];
}

async function succeed(running: Promise<PulumiRun>): Promise<PulumiRun> {
  const run = await running;
  if (run.code !== 0) throw new Error(`pulumi ended with code ${run.code}:\n${run.output}`);
  return run;
}

function changes({ summary }: PulumiRun): number {
  return Object.entries(summary).reduce((sum, [verb, count]) => (verb === "same" ? sum : sum + count), 0);
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
