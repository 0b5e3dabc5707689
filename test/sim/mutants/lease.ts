import { createRequire } from "node:module";
import type { KernelGate } from "../../../provider/agent/lease/env";
import { again, leading, type Mutant, replaceExport } from "./mutant";

const load = createRequire(__filename);
const renewal = load(
  "../../../provider/agent/lease/renewal",
) as typeof import("../../../provider/agent/lease/renewal");

/** L of the timing that the group begins with. */
const USUAL_MS = 800;

/** Mistakes of who renews and opens the gate (safety.md 1.2). */
export const leaseMutants: Mutant[] = [
  {
    name: "timeout-after-ack",
    mistake: "the timers are started when the renewal is acknowledged, not before it is sent",
    breaks: "I1",
    tamper: { lease: (env) => ({ ...env, kernel: armedByFlip(env.kernel) }) },
    schedule: leading((random) =>
      again(random, 3, 9000, (at) => [
        [at, "pause primary lease at arm for 4 s"],
        [at + 200, "pause primary agent for 4500 ms"],
      ]),
    ),
  },
  {
    name: "heartbeat-says-the-usual-lease",
    mistake: "the heartbeat announces the usual L although a longer one is armed",
    breaks: "I1",
    patch: () =>
      replaceExport(renewal, "renewalTxn", (renewalTxn) => (o) => {
        const heartbeatMs = Math.min(o.plan.heartbeatMs, USUAL_MS);
        return renewalTxn({ ...o, plan: { ...o.plan, heartbeatMs } });
      }),
    schedule: leading((random) => [
      [500, "timing slow"],
      [3000, "pause primary agent for 4 s"],
      [3050, "timing fast"],
      [3500 + random.between(0, 300), "network primary off from store"],
      [9000, "network all on"],
    ]),
  },
  {
    name: "fenced-session-goes-on",
    mistake: "a session with a tombstone goes on renewing",
    breaks: "I2",
    tamper: {
      lease: (env) => ({
        ...env,
        store: {
          read: env.store.read,
          txn: (txn) =>
            env.store.txn({ ...txn, compares: txn.compares.filter(({ key }) => !key.includes("/fence/")) }),
        },
      }),
    },
    schedule: leading((random) =>
      again(random, 2, 9000, (at) => [
        [at, "pause primary lease for 3 s"],
        [at, "pause primary agent for 4 s"],
      ]),
    ),
  },
];

function armedByFlip(kernel: KernelGate): KernelGate {
  const wanted = { a: 0, b: 0 };
  return {
    ...kernel,
    arm: async (slot, _macs, leaseMs) => {
      wanted[slot] = leaseMs;
    },
    flip: async (slot, macs) => {
      await kernel.arm(slot, macs, wanted[slot]);
      await kernel.flip(slot, macs);
    },
  };
}
