import { createRequire } from "node:module";
import { again, leading, type Mutant, replaceExport } from "./mutant";

const load = createRequire(__filename);
const agent = "../../../provider/agent";
const generations = load(
  `${agent}/actions/generations`,
) as typeof import("../../../provider/agent/actions/generations");

/** Mistakes with checkpoints (safety.md 1.10). */
export const generationMutants: Mutant[] = [
  {
    name: "commit-before-the-standby-has-it",
    mistake: "a generation is acknowledged before the standby has it on its disk",
    breaks: "I4",
    tamper: {
      agent: (env) => ({
        ...env,
        net: {
          ...env.net,
          sendGeneration: async (peer, generation) => {
            env.net.sendGeneration(peer, generation).catch(() => {});
          },
        },
      }),
    },
    schedule: leading((random) =>
      again(random, 3, 3000, (at) => [
        [at, "power primary off"],
        [at + 2500, "power all on"],
      ]),
    ),
  },
  {
    name: "restores-the-newest-not-the-named",
    mistake: "the newest generation on the disk is restored, acknowledged or not",
    breaks: "I",
    patch: () =>
      replaceExport(generations, "namedFiles", () => async ({ env }, container) => {
        const here = (await env.disk.list()).filter((one) => one.container === container.name);
        const newest = here.sort((a, b) => a.epoch - b.epoch || a.gen - b.gen).at(-1);
        if (!newest) throw new Error("no generation is here");
        const folder = `${newest.container}/${newest.epoch}-${newest.gen}`;
        return { folder, whole: Promise.resolve() };
      }),
    schedule: leading(
      (random) =>
        again(random, 4, 7000, (at) => [
          // What is on its way to the standby when the store goes is never acknowledged.
          [at - 900, "network primary slow 200 ms only out"],
          [at, "network primary off from store"],
          [at + 4000, "network all on"],
        ]),
      { checkpointMs: 500 },
    ),
  },
  {
    name: "restores-without-a-look-at-the-bytes",
    mistake: "what is restored is not compared with its manifest",
    breaks: "I5",
    tamper: {
      agent: (env) => ({
        ...env,
        disk: {
          ...env.disk,
          verify: async (generation) => {
            const manifest = (await env.disk.list()).find(
              (one) =>
                one.container === generation.container &&
                one.epoch === generation.epoch &&
                one.gen === generation.gen,
            );
            if (!manifest) throw new Error("it is not here");
            return { folder: `${generation.container}/${generation.epoch}-${generation.gen}`, manifest };
          },
        },
      }),
    },
    schedule: leading(
      (random) =>
        again(random, 2, 9000, (at) => [
          [at, "disk standby alters db"],
          [at + random.between(10, 500), "power primary off"],
          [at + 6000, "power all on"],
        ]),
      { checkpointMs: 10_000 },
    ),
  },
  {
    name: "epoch-not-checked-at-the-store",
    mistake: "a disk takes what an owner sends whose time is over",
    breaks: "I2",
    tamper: {
      disk: (disk) => {
        disk.checksEpochs = false;
        return disk;
      },
    },
    schedule: leading(
      (random) =>
        again(random, 4, 7000, (at) => [
          [at, "pause primary agent at sendGeneration for 4 s"],
          [at + random.between(0, 600), "network primary off from store"],
          [at + 3500, "network all on"],
        ]),
      { checkpointMs: 500 },
    ),
  },
  {
    name: "deletes-the-acknowledged-generation",
    mistake: "what is not needed any more is mistaken for what is",
    breaks: "I4",
    patch: () => replaceExport(generations, "obsolete", () => (stored) => stored),
    schedule: leading(
      (random) =>
        again(random, 8, 3500, (at) => [
          [at, "network primary off from store only out"],
          [at + 700, "network all on"],
        ]),
      { checkpointMs: 500 },
    ),
  },
];
