import { createRequire } from "node:module";
import { timingOf } from "../../../provider/contract";
import { again, leading, type Mutant, replaceExport } from "./mutant";

const load = createRequire(__filename);
const agent = "../../../provider/agent";
const timing = load(
  "../../../provider/contract/timing",
) as typeof import("../../../provider/contract/timing");
const observing = load(`${agent}/observe`) as typeof import("../../../provider/agent/observe");
const inputs = load(`${agent}/input`) as typeof import("../../../provider/agent/input");
const deciding = load(`${agent}/decide`) as typeof import("../../../provider/agent/decide");
const ownership = load(`${agent}/ownership`) as typeof import("../../../provider/agent/ownership");

const { leaseMs, fenceMs } = timingOf("default", false);
const MARGIN_MS = fenceMs - leaseMs;

/** Mistakes of who waits for W and fences (safety.md 1.2, 1.4). */
export const fencingMutants: Mutant[] = [
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
    schedule: leading((random) => [
      [500, "timing slow"],
      [3000, "pause primary agent for 4 s"],
      [3050, "timing fast"],
      [3500 + random.between(0, 300), "network primary off from store"],
      [9000, "network all on"],
    ]),
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
      again(random, 4, 8000, (at) => [
        [at + 3000, "store off"],
        [at + 3000 + random.between(1300, 4000), "store on"],
      ]),
    ),
  },
  {
    name: "fence-without-a-session-of-ones-own",
    mistake: "a host whose own session has ended fences others",
    breaks: "I2",
    patch: () =>
      replaceExport(ownership, "fenceTxn", (fenceTxn) => (me, target, rev, fence) => {
        const txn = fenceTxn(me, target, rev, fence);
        const own = ownership.sessionCompares(me).map(({ key }) => key);
        return { ...txn, compares: txn.compares.filter(({ key }) => !own.includes(key)) };
      }),
    schedule: leading((random) =>
      again(random, 3, 9000, (at) => [
        [at, "network primary off from store"],
        [at + 800, "pause standby agent at txn for 1500 ms"],
        [at + 1300 + random.between(0, 300), "tombstone standby"],
        [at + 4500, "network all on"],
      ]),
    ),
  },
  {
    name: "suspicion-is-enough",
    mistake: "missing UDP heartbeats permit a take-over, without a fence",
    breaks: "I",
    patch: () =>
      replaceExport(inputs, "decideInput", (decideInput) => (context, container) => {
        const input = decideInput(context, container);
        const owner = container.owner?.value.host;
        const believed = owner !== undefined && input.suspects.has(owner);
        return believed ? { ...input, fence: { seenAt: input.now - 10_000, waitMs: 0 } } : input;
      }),
    schedule: leading((random) =>
      again(random, 3, 9000, (at) => [
        [at, "network primary off from peers"],
        [at + 4000, "network all on"],
      ]),
    ),
  },
  {
    name: "no-wait-after-an-operators-tombstone",
    mistake: "an operator's tombstone counts as proof that the host is cut off",
    breaks: "I1",
    patch: () =>
      replaceExport(inputs, "decideInput", (decideInput) => (context, container) => {
        const input = decideInput(context, container);
        return input.fence ? { ...input, fence: { ...input.fence, waitMs: 0 } } : input;
      }),
    schedule: leading((random) =>
      again(random, 3, 9000, (at) => [
        [at, "network primary off from store"],
        [at + random.between(20, 200), "tombstone primary"],
        [at + 4500, "network all on"],
      ]),
    ),
  },
];
