import { createRequire } from "node:module";
import { again, leading, type Mutant, replaceExport } from "./mutant";

const load = createRequire(__filename);
const agent = "../../../provider/agent";
const ownership = load(`${agent}/ownership`) as typeof import("../../../provider/agent/ownership");
const settling = load(`${agent}/settle`) as typeof import("../../../provider/agent/settle");
const sessions = load(`${agent}/session`) as typeof import("../../../provider/agent/session");

/** Mistakes with the records of who owns what (safety.md 1.1, 1.3, 1.4, 1.6). */
export const ownershipMutants: Mutant[] = [
  {
    name: "unknown-result-settled-by-reading-back",
    mistake: "a transaction without a reply counts as not applied when a read does not show it",
    breaks: "I",
    patch: () =>
      replaceExport(settling, "settle", () => async ({ store, clock }, txn, signal) => {
        const outcome = await store.txn(txn);
        if (outcome.result !== "unknown") return { committed: outcome.result === "committed" };
        for (;;) {
          signal.throwIfAborted();
          const stored = await store.read().catch(() => null);
          const first = txn.writes[0]!;
          if (stored && "put" in first) return { committed: stored.get(first.put)?.value === first.value };
          if (stored) return { committed: true };
          await clock.sleep(50, signal);
        }
      }),
    schedule: leading(
      (random) => [
        [500, "store late-requests 1"],
        ...again(random, 10, 2500, (at) => [
          [at, "network primary off from store only out"],
          [at + 250, "network all on"],
        ]),
      ],
      { checkpointMs: 500 },
    ),
  },
  {
    name: "local-restore-keeps-the-epoch",
    mistake: "a new beginning on the same host goes on under the old epoch",
    breaks: "I2",
    patch: () =>
      replaceExport(
        ownership,
        "beginAgainTxn",
        (beginAgainTxn) => (me, container, o) =>
          withOwner(beginAgainTxn(me, container, o), (owner) => ({ ...owner, epoch: owner.epoch - 1 })),
      ),
    schedule: leading((random) => again(random, 2, 5000, (at) => [[at, "crash db"]])),
  },
  {
    name: "opens-before-running",
    mistake: "the gate is opened before phase RUNNING is committed",
    breaks: "db is reachable on",
    tamper: {
      agent: (env) => ({
        ...env,
        gate: {
          ...env.gate,
          join: async (request) => {
            if (request.writes.length > 0) await env.gate.join({ ...request, writes: [] });
            return env.gate.join(request);
          },
        },
      }),
    },
    schedule: leading((random) => again(random, 2, 5000, (at) => [[at, "crash db"]])),
  },
  {
    name: "thaws-whatever-else-stands",
    mistake: "the end of a dump thaws a container that is also frozen because the lease lapsed",
    breaks: "I6",
    tamper: {
      engine: (engine) => ({
        ...engine,
        trace(copy, traced) {
          engine.trace(copy, traced);
          if (traced) return;
          copy.reasons.clear();
          engine.write(copy, false);
        },
      }),
    },
    schedule: leading(
      (random) =>
        again(random, 3, 14_000, (at) => [
          [at, "network primary off"],
          [at + 11_500, "network all on"],
        ]),
      {
        cutOffToo: true,
        checkpointMs: 500,
        durations: { start: 0, prepare: 0, restore: 0, dump: 1500, small: 0 },
      },
    ),
  },
  {
    name: "lapse-does-not-freeze",
    mistake: "what is cut off goes on running behind its closed gate",
    breaks: "I6",
    tamper: {
      agent: (env) => ({ ...env, runtime: { ...env.runtime, freeze: async () => {} } }),
    },
    schedule: leading(
      (random) =>
        again(random, 2, 14_000, (at) => [
          [at, "network primary off"],
          [at + 11_500, "network all on"],
        ]),
      { cutOffToo: true },
    ),
  },
  {
    name: "session-reused-after-a-tombstone",
    mistake: "an agent goes on with a session that has a tombstone",
    breaks: "I",
    patch: () =>
      replaceExport(sessions, "establishSession", (establish) => async (env, identity, signal) => {
        const file = await env.host.readSession();
        if (file?.bootId !== (await env.host.bootId())) return establish(env, identity, signal);
        return { me: { ...identity, sid: file.sid, record: file.record }, sentence: "continues" };
      }),
    schedule: leading((random) => again(random, 2, 9000, (at) => [[at, "tombstone primary"]])),
  },
];

function withOwner<T extends { writes: ({ put: string; value: string } | { delete: string })[] }>(
  txn: T,
  change: (owner: { epoch: number }) => object,
): T {
  const writes = txn.writes.map((write) =>
    "put" in write && write.put.endsWith("/owner")
      ? { ...write, value: JSON.stringify(change(JSON.parse(write.value))) }
      : write,
  );
  return { ...txn, writes };
}
