import { createRequire } from "node:module";
import type { Env, Txn } from "../../../provider/agent/env";
import { again, leading, type Mutant, replaceExport } from "./mutant";

const load = createRequire(__filename);
const txns = load(
  "../../../provider/agent/handover-txns",
) as typeof import("../../../provider/agent/handover-txns");

/** Transactions that make the target the owner, with the container. */
const handOvers = new WeakMap<Txn, string>();

const migrations = (at: number): [number, string][] => [
  [at, 'operator: {"op":"migrate","name":"db","to":"b"}'],
  [at + 3500, 'operator: {"op":"migrate","name":"db","to":"a"}'],
];

/** Mistakes of planned moves (safety.md 1.11). */
export const handoverMutants: Mutant[] = [
  {
    name: "source-killed-before-the-target-runs",
    mistake:
      "the source ends its frozen copy as soon as the target owns the container, not when it runs there",
    breaks: "I8",
    patch: () =>
      replaceExport(txns, "handOverTxn", (handOverTxn) => (me, container, o) => {
        const txn = handOverTxn(me, container, o);
        handOvers.set(txn, container.name);
        return txn;
      }),
    tamper: { agent: (env) => ({ ...env, store: killingAtHandOver(env) }) },
    schedule: leading((random) =>
      again(random, 3, 8000, (at) => [...migrations(at), [at + 5, "pause b agent at setMac for 2 s"]]),
    ),
  },
  {
    name: "rolls-back-after-the-point-of-no-return",
    mistake:
      "a rollback does not compare the owner record, so that the source goes on though the target owns it",
    breaks: "I8",
    patch: () =>
      replaceExport(txns, "rollBackTxn", (rollBackTxn) => (...args) => {
        const txn = rollBackTxn(...args);
        return { ...txn, compares: txn.compares.filter(({ key }) => !key.endsWith("/owner")) };
      }),
    schedule: leading(
      (random) =>
        again(random, 4, 8000, (at) => [
          ...migrations(at),
          // The source hears too late that the target owns it, and the target still later.
          [at + 120 + random.between(0, 60), "network a slow 600 ms only in"],
          [at + 200, "network b off from store only in"],
          [at + 2000, "network b on"],
          [at + 2500, "network a on"],
        ]),
      { durations: { start: 0, prepare: 0, restore: 0, dump: 200, small: 0 } },
    ),
  },
];

function killingAtHandOver({ store, runtime }: Env): Env["store"] {
  return {
    ...store,
    async txn(txn) {
      const outcome = await store.txn(txn);
      const container = handOvers.get(txn);
      if (container && outcome.result === "committed") await runtime.remove(container);
      return outcome;
    },
  };
}
