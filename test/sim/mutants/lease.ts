import { createRequire } from "node:module";
import type { TxnOutcome } from "../../../provider/agent/env";
import type { KernelGate, LeaseEnv } from "../../../provider/agent/lease/env";
import { timingOf } from "../../../provider/contract";
import type { TxnReply } from "../store";
import type { TamperOptions } from "../tamper";
import { afterALongLease, again, leading, type Mutant, replaceExport } from "./mutant";

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
    schedule: afterALongLease,
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
  {
    name: "late-ack-flips",
    mistake: "the acknowledgement of an older renewal counts as that of the one which is on its way",
    breaks: "I1",
    tamper: { lease: anyAckCounts },
    schedule: leading(
      (random) =>
        again(random, 3, 9000, (at) => [
          [at, "network primary slow 330 ms only in"],
          [at + random.between(90, 130), "network primary off from store only out"],
          [at + 4500, "network all on"],
        ]),
      { timing: timingOf("fast", true) },
    ),
  },
  {
    name: "joins-the-active-set",
    mistake: "the timer of a MAC that joins is started in the active set, after the acknowledgement",
    breaks: "I1",
    tamper: { lease: (env) => ({ ...env, kernel: addedWhenFlipped(env.kernel) }) },
    schedule: leading((random) =>
      again(random, 2, 9000, (at) => [
        [at, "kill primary lease for 300 ms"],
        [at + 250, "pause primary lease at flip for 4 s"],
        [at + 400 + random.between(0, 100), "pause primary agent for 4500 ms"],
      ]),
    ),
  },
  {
    name: "flip-reopens-a-closed-mac",
    mistake: "a flip opens what was armed for it, also what has left meanwhile",
    breaks: "db was handed on",
    tamper: { lease: (env) => ({ ...env, kernel: opensAllThatWasArmed(env.kernel) }) },
    schedule: leading(
      (random) => [
        [500, "network all slow 60 ms only in"],
        ...again(random, 6, 3500, (at) => [
          [at, 'operator: {"op":"migrate","name":"db","to":"b"}'],
          [at + 1700, 'operator: {"op":"migrate","name":"db","to":"a"}'],
        ]),
      ],
      // A flip that would open nothing is left out.
      {
        containers: [{ preferredHost: "a" }, { name: "web", preferredHost: "a", virtualIps: ["10.0.0.101"] }],
      },
    ),
  },
];

/** Whatever acknowledgement arrives, the renewal that is on its way takes it for its own. */
function anyAckCounts(env: LeaseEnv, { onReply }: TamperOptions): LeaseEnv {
  let settle: (outcome: TxnOutcome) => void = () => {};
  onReply((reply) => {
    const { outcome } = reply as Partial<TxnReply>;
    if (outcome?.result === "committed") settle(outcome);
  });
  const txn: LeaseEnv["store"]["txn"] = (request) =>
    new Promise((resolve, reject) => {
      settle = resolve;
      env.store.txn(request).then(resolve, reject);
    });
  return { ...env, store: { read: env.store.read, txn } };
}

function addedWhenFlipped(kernel: KernelGate): KernelGate {
  let open: readonly string[] = [];
  let wanted = 0;
  return {
    ...kernel,
    arm(slot, macs, leaseMs) {
      wanted = leaseMs;
      const known = macs.filter((mac) => open.includes(mac));
      return kernel.arm(slot, known, leaseMs);
    },
    async flip(slot, macs) {
      const added = macs.filter((mac) => !open.includes(mac));
      open = macs;
      await Promise.all([kernel.flip(slot, macs), kernel.arm(slot, added, wanted)]);
    },
    close(macs) {
      open = open.filter((mac) => !macs.includes(mac));
      return kernel.close(macs);
    },
    closeAll() {
      open = [];
      return kernel.closeAll();
    },
  };
}

function opensAllThatWasArmed(kernel: KernelGate): KernelGate {
  let armed: readonly string[] = [];
  return {
    ...kernel,
    arm(slot, macs, leaseMs) {
      armed = macs;
      return kernel.arm(slot, macs, leaseMs);
    },
    flip: (slot) => kernel.flip(slot, armed),
  };
}

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
