import { createRequire } from "node:module";
import type { Env } from "../../../provider/agent/env";
import { ctlReplySchema } from "../../../provider/contract";
import { again, leading, type Mutant, replaceExport } from "./mutant";

const load = createRequire(__filename);
const promises = load(
  "../../../provider/agent/promises",
) as typeof import("../../../provider/agent/promises");

const leases = load(
  "../../../provider/agent/lease/lease",
) as typeof import("../../../provider/agent/lease/lease");

/** Mistakes of serving on without a quorum (safety.md 1.7). */
export const failsafeMutants: Mutant[] = [
  {
    name: "promise-of-failsafe-forgotten-at-restart",
    mistake: "an agent that is started again takes over at once, though it may have promised not to before",
    breaks: "I1",
    patch: () =>
      replaceExport(promises, "createPromises", (createPromises) => () => ({
        ...createPromises(0),
        startedAt: Number.NEGATIVE_INFINITY,
      })),
    schedule: leading((random) => [
      [0, "quorum-loss failsafe"],
      ...again(random, 3, 12_000, (at) => [
        [at, "store off"],
        [at + 1500, "network primary off from store"],
        [at + 3000, "kill standby agent for 20 ms"],
        [at + 3010, "store on"],
        [at + 3010, "tombstone primary by silence"],
        [at + 9000, "network all on"],
      ]),
    ]),
  },
  {
    name: "a-majority-of-promises-is-enough",
    mistake: "a host without a quorum serves on when a majority promises to take nothing",
    breaks: "I1",
    tamper: { agent: aMajorityIsEnough },
    schedule: leading(
      (random) => [
        [0, "quorum-loss failsafe"],
        [2000 + random.between(0, 700), "network a off from store"],
        [2000, "network b off from store"],
        [9000, "network all on"],
      ],
      { containers: [{ preferredHost: "a", standbys: 2 }] },
    ),
  },
  {
    name: "promise-broken-when-the-store-returns",
    mistake: "a promise is kept only until the store answers again",
    breaks: "I1",
    patch: () => replaceExport(promises, "isBound", () => () => false),
    schedule: leading((random) => [
      [0, "quorum-loss failsafe"],
      ...again(random, 3, 12_000, (at) => [
        [at, "store off"],
        [at + 1500, "network primary off from store"],
        [at + 3000, "store on"],
        [at + 9000, "network all on"],
      ]),
    ]),
  },
  {
    name: "late-promise-flips",
    mistake: "promises that were gathered for an older renewal count for the one which is on its way",
    breaks: "I1",
    patch: () => replaceExport(leases, "createLease", anyPromiseCounts),
    schedule: leading((random) => [
      [0, "quorum-loss failsafe"],
      ...again(random, 3, 12_000, (at) => [
        [at, "store off"],
        [at + 1500, "network primary off from store"],
        [at + 3000, "store on"],
        [at + 3100 + random.between(0, 300), "pause primary agent at vouch for 400 ms"],
        [at + 9000, "network all on"],
      ]),
    ]),
  },
];

function aMajorityIsEnough(env: Env): Env {
  let together: Promise<unknown>[] = [];
  const ask: Env["net"]["ask"] = async (peer, request, ...limits) => {
    const asked = env.net.ask(peer, request, ...limits);
    if ((request as { op?: string }).op !== "promise") return asked;
    const all = together;
    if (all.push(asked) === 1)
      queueMicrotask(() => {
        together = [];
      });
    asked.catch(() => {});
    const answers = await Promise.allSettled(all);
    const given = answers.filter(
      (answer) => answer.status === "fulfilled" && ctlReplySchema.parse(answer.value).ok,
    );
    // With the one that asks.
    return given.length + 1 > (all.length + 1) / 2 ? { ok: true, result: { forMs: Infinity } } : asked;
  };
  return { ...env, net: { ...env.net, ask } };
}

function anyPromiseCounts(createLease: typeof leases.createLease): typeof leases.createLease {
  return (o) => {
    const lease = createLease(o);
    let newest = "";
    lease.onEvent((event) => {
      if (event.type === "asking") newest = event.attempt;
    });
    return { ...lease, vouch: (answer) => lease.vouch({ ...answer, attempt: newest }) };
  };
}
