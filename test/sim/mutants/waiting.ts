import { createRequire } from "node:module";
import { timingOf } from "../../../provider/contract";
import { afterALongLease, again, leading, type Mutant, replaceExport } from "./mutant";

const load = createRequire(__filename);
const agent = "../../../provider/agent";
const timing = load(
  "../../../provider/contract/timing",
) as typeof import("../../../provider/contract/timing");
const observing = load(`${agent}/observe`) as typeof import("../../../provider/agent/observe");
const deciding = load(`${agent}/decide`) as typeof import("../../../provider/agent/decide");

const { leaseMs, fenceMs } = timingOf("default", false);
const MARGIN_MS = fenceMs - leaseMs;
/** When the read that was answered last was sent, on the clock of who sent it. */
let sentAt = 0;

/** Mistakes of how W is counted (safety.md 1.2). */
export const waitingMutants: Mutant[] = [
  {
    name: "w-equals-l",
    mistake: "the observer waits for L, without a margin for clocks that run at different rates",
    breaks: "I1",
    patch() {
      const undo = [
        replaceExport(timing, "fenceAfterMs", () => (_, leaseMs) => leaseMs),
        // Whether this host would take what it fences is asked for the time after W.
        replaceExport(deciding, "decide", (decide) => (input) => {
          const { fence } = input;
          return decide(fence ? { ...input, fence: { ...fence, seenAt: fence.seenAt - MARGIN_MS } } : input);
        }),
      ];
      return () => {
        for (const back of undo) back();
      };
    },
    schedule: leading(
      (random) =>
        again(random, 3, 9000, (at) => [
          [at, "network primary off from store"],
          [at + 5000, "network all on"],
        ]),
      { timing: timingOf("default", false) },
    ),
  },
  {
    name: "own-w-instead-of-the-records-l",
    mistake: "the observer waits by its own setting, not by the lease that the owner announced",
    breaks: "I1",
    patch: () =>
      replaceExport(
        timing,
        "fenceAfterMs",
        () =>
          ({ fenceMs }) =>
            fenceMs,
      ),
    schedule: afterALongLease,
  },
  {
    name: "w-counted-across-an-outage",
    mistake: "an outage of the store counts as silence of the owner",
    breaks: "I9",
    patch: () =>
      replaceExport(observing, "observe", (observe) => (before, view, timings, now) => {
        const noGap = before.lastGoodRead === null ? before : { ...before, lastGoodRead: now };
        return observe(noGap, view, timings, now);
      }),
    schedule: leading((random) =>
      again(random, 8, 8000, (at) => {
        const back = at + 3000 + random.between(1300, 4000);
        return [
          [at + 3000, "store off"],
          // Whoever reads the old heartbeat again has renewed its own before the owner can.
          [at + 3000, "network primary slow 240 ms"],
          [back, "store on"],
          [back + 1000, "network all on"],
        ];
      }),
    ),
  },
  {
    name: "w-counted-from-the-sending-of-the-read",
    mistake: "W is counted from when a read was sent, though its answer tells of what was committed later",
    breaks: "I1",
    tamper: {
      agent: (env) => ({
        ...env,
        store: {
          ...env.store,
          read: async () => {
            const now = env.clock.now();
            const keys = await env.store.read();
            sentAt = now;
            return keys;
          },
        },
      }),
    },
    patch: () =>
      replaceExport(
        observing,
        "observe",
        (observe) => (before, view, timings) => observe(before, view, timings, sentAt),
      ),
    schedule: leading(
      (random) =>
        again(random, 3, 9000, (at) => [
          // Whoever suspects one host reads often.
          [at, "network c off from peers"],
          [at, `network b slow ${Math.round(random.between(170, 205))} ms only out`],
          [at + random.between(500, 900), "network a off from store"],
          [at + 1150, "network b on"],
          [at + 4500, "network all on"],
          [at + 7000, 'operator: {"op":"migrate","name":"db","to":"a"}'],
        ]),
      { containers: [{ preferredHost: "a", standbys: ["b"] }] },
    ),
  },
  {
    name: "wall-clock-instead-of-monotonic",
    mistake: "W is counted on the wall clock, which somebody may set",
    breaks: "I1",
    tamper: {
      agent: (env) => ({ ...env, clock: { ...env.clock, now: () => Date.parse(env.clock.wall()) } }),
    },
    schedule: leading((random) =>
      again(random, 3, 9000, (at) => [
        [at, "network primary off from store"],
        [at + random.between(350, 400), "clock standby jumps 400 ms"],
        [at + random.between(450, 500), "clock standby jumps 400 ms"],
        [at + 5000, "network all on"],
      ]),
    ),
  },
];
