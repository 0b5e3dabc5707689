import { createRequire } from "node:module";
import type { Txn } from "../../../provider/agent/env";
import { again, leading, type Mutant, replaceExport } from "./mutant";

const load = createRequire(__filename);
const agent = "../../../provider/agent";
const inputs = load(`${agent}/input`) as typeof import("../../../provider/agent/input");
const ownership = load(`${agent}/ownership`) as typeof import("../../../provider/agent/ownership");

/** Mistakes of who fences and takes over (safety.md 1.4). */
export const fencingMutants: Mutant[] = [
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
  {
    name: "fence-without-the-revision-compare",
    mistake:
      "a fence does not compare the revision of the heartbeat key, so that a renewal since goes unnoticed",
    breaks: "I1",
    patch: () =>
      replaceExport(
        ownership,
        "fenceTxn",
        (fenceTxn) =>
          (...args) =>
            without("/hb", fenceTxn(...args)),
      ),
    schedule: leading((random) =>
      again(random, 2, 9000, (at) => [
        [at, "network primary off from store"],
        [at + 800, "pause standby agent at txn for 1500 ms"],
        [at + 1100 + random.between(0, 100), "network all on"],
        // The last renewal before the fence keeps the gate open for its whole lease.
        [at + 2300, "pause primary lease for 700 ms"],
      ]),
    ),
  },
  {
    name: "take-over-without-the-revision-compare",
    mistake: "a take-over does not compare the revision of the owner record, so that two standbys may win",
    breaks: "I2",
    patch: () =>
      replaceExport(ownership, "takeOverTxn", (takeOverTxn) => (...args) => {
        const { txn, owner } = takeOverTxn(...args);
        return { txn: without("/owner", txn), owner };
      }),
    schedule: leading(
      (random) =>
        again(random, 3, 9000, (at) => [
          [at, `network b slow ${Math.round(random.between(80, 120))} ms only out`],
          [at, `network c slow ${Math.round(random.between(80, 120))} ms only out`],
          [at + 200, "power a off"],
          [at + 4000, "network all on"],
          [at + 4000, "power a on"],
          [at + 6500, 'operator: {"op":"migrate","name":"db","to":"a"}'],
        ]),
      { containers: [{ preferredHost: "a", standbys: ["b", "c"] }] },
    ),
  },
];

/** The same transaction, less what it compares under keys that end so. */
function without(leaf: string, txn: Txn): Txn {
  return { ...txn, compares: txn.compares.filter(({ key }) => !key.endsWith(leaf)) };
}
