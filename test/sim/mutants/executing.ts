import { createRequire } from "node:module";
import { again, leading, type Mutant, replaceExport } from "./mutant";

const load = createRequire(__filename);
const agent = "../../../provider/agent";
const freezing = load(
  `${agent}/env/runtime/freezer`,
) as typeof import("../../../provider/agent/env/runtime/freezer");
const limits = load(`${agent}/actions/limit`) as typeof import("../../../provider/agent/actions/limit");
const proving = load(`${agent}/proof-of-life`) as typeof import("../../../provider/agent/proof-of-life");

const longDumps = { start: 0, prepare: 0, restore: 0, dump: 1600, small: 0 };

/** Mistakes by which something is RUNNING and does not execute: below the protocol, with the tools as they are. */
export const executingMutants: Mutant[] = [
  {
    name: "freezes-under-criu",
    mistake: "a lapse freezes the cgroup while CRIU works in it",
    breaks: "I10",
    patch: () =>
      replaceExport(freezing, "createFreezer", (createFreezer) => (port) => ({
        ...createFreezer({ ...port, isLent: () => false }),
        lend: () => async () => {},
      })),
    schedule: leading(
      (random) =>
        again(random, 6, 4000, (at) => [
          [at, "store off"],
          [at + random.between(700, 900), "store on"],
        ]),
      { checkpointMs: 500, durations: longDumps },
    ),
  },
  {
    name: "release-is-an-event-that-may-be-lost",
    mistake: "a release counts as done when it was asked for, and nobody looks at what became of it",
    breaks: "I10",
    tamper: {
      agent: (env) => ({
        ...env,
        runtime: {
          ...env.runtime,
          release: (container) => env.runtime.release(container).catch(() => {}),
          look: async () => "running",
        },
      }),
    },
    schedule: leading((random) =>
      again(random, 3, 8000, (at) => [
        [at, "fault primary loses 1 releases of db"],
        [at, "crash db"],
      ]),
    ),
  },
  {
    name: "release-without-a-deadline",
    mistake: "a release is waited for as long as it takes",
    breaks: "I10",
    patch: () => replaceExport(limits, "withLimit", () => (_, work) => work),
    schedule: leading((random) =>
      again(random, 1, 9000, (at) => [
        [at, "fault a slow release 60 s"],
        [at, "crash db"],
        [at + 6000, "fault all slow release 0 ms"],
      ]),
    ),
  },
  {
    name: "nobody-looks-whether-it-executes",
    mistake: "what stops a container without an event is not looked for",
    breaks: "I10",
    patch: () => replaceExport(proving, "createProofOfLife", () => () => async () => {}),
    // A checkpoint would thaw it at its end.
    schedule: leading((random) => again(random, 3, 6000, (at) => [[at, "somebody freezes db"]]), {
      checkpointMs: 60_000,
    }),
  },
  {
    name: "deaths-are-told-by-events-alone",
    mistake: "the end of a container whose event was lost is found by nobody",
    breaks: "I10",
    tamper: {
      agent: (env) => ({
        ...env,
        runtime: { ...env.runtime, onExit: () => {}, look: async () => "running" },
      }),
    },
    schedule: leading((random) => again(random, 2, 8000, (at) => [[at, "crash db"]])),
  },
  {
    name: "removes-before-it-records",
    mistake:
      "what could not be started is taken down by its engine before its record says that it does not run",
    breaks: "I10",
    tamper: {
      agent: (env) => ({
        ...env,
        runtime: { ...env.runtime, kill: (container) => env.runtime.remove(container) },
      }),
    },
    schedule: leading((random) =>
      again(random, 1, 9000, (at) => [
        [at, "fault primary slow remove 2500 ms"],
        [at, "fault primary loses 1 releases of db"],
        [at, "crash db"],
        [at + 14_000, "fault all slow remove 0 ms"],
      ]),
    ),
  },
  {
    name: "stays-frozen-after-a-lapse",
    mistake: "the lease that is renewed again does not end the freeze",
    breaks: "I10",
    tamper: {
      agent: (env) => ({
        ...env,
        runtime: {
          ...env.runtime,
          thaw: async (container, reason) => {
            if (reason !== "lapse") await env.runtime.thaw(container, reason);
          },
        },
      }),
    },
    schedule: leading((random) =>
      again(random, 3, 6000, (at) => [
        [at, "store off"],
        [at + 1500, "store on"],
      ]),
    ),
  },
];
