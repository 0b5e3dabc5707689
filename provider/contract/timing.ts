import { z } from "zod";

/** Bound on the relative rate of two hosts' monotonic clocks where the discipline is known slow (safety.md 1.2). */
export const DISCIPLINED_DRIFT = 0.05;
/** The same where it is not known: chrony may slew by 83,333 ppm, two hosts in opposite directions 18 %. */
export const UNDISCIPLINED_DRIFT = 0.2;
/** A jiffy and a packet in flight, ms; measured at most 7.5, 20 used (safety.md 1.2). */
export const GATE_SLACK_MS = 20;
/** Old kernels may treat a timeout below one jiffy as none (safety.md 2.2). */
const MIN_LEASE_MS = 200;

const ms = (least: number, most: number) =>
  z
    .int({ error: `expected whole milliseconds from ${least} to ${most}` })
    .min(least)
    .max(most);

/** Explicit timings of a group, all in milliseconds. */
export const timingSchema = z
  .strictObject({
    /** I: a renewal is started this often. */
    intervalMs: ms(50, 10_000),
    /** L: the kernel closes the gate this long after the sending of the last acknowledged renewal. */
    leaseMs: ms(MIN_LEASE_MS, 60_000),
    /** W: a standby fences after it has seen the same heartbeat revision for this long. */
    fenceMs: ms(MIN_LEASE_MS, 120_000),
    /** r: bound on the relative rate of two monotonic clocks. */
    clockDrift: z.number().min(0).max(0.5).default(UNDISCIPLINED_DRIFT),
    etcdHeartbeatMs: ms(10, 5_000),
    etcdElectionMs: ms(50, 50_000),
  })
  .superRefine((timing, context) => {
    const least = leastFenceMs(timing);
    if (timing.fenceMs < least) {
      context.addIssue({
        code: "custom",
        path: ["fenceMs"],
        message: `expected at least leaseMs * (1 + clockDrift) + ${GATE_SLACK_MS} = ${least}, got ${timing.fenceMs}`,
      });
    }
    if (timing.leaseMs < 3 * timing.intervalMs) {
      context.addIssue({
        code: "custom",
        path: ["leaseMs"],
        message: `expected at least three intervals = ${3 * timing.intervalMs}, got ${timing.leaseMs}`,
      });
    }
    if (timing.etcdElectionMs < 5 * timing.etcdHeartbeatMs) {
      context.addIssue({
        code: "custom",
        path: ["etcdElectionMs"],
        message: `expected at least five etcd heartbeats = ${5 * timing.etcdHeartbeatMs}, got ${timing.etcdElectionMs}`,
      });
    }
  });
export type Timing = z.infer<typeof timingSchema>;

/** `W >= L * (1 + r) + g` (safety.md 1.2): how long an observer must wait before it may fence. */
export function leastFenceMs({ leaseMs, clockDrift }: { leaseMs: number; clockDrift: number }): number {
  return Math.ceil(leaseMs * (1 + clockDrift) + GATE_SLACK_MS);
}

/**
 * How long an observer waits for an owner that announced the lease `observedLeaseMs` in its heartbeat: the
 * configured W, or one derived from what it really armed where that is longer.
 */
export function fenceAfterMs(timing: Timing, observedLeaseMs: number): number {
  const least = leastFenceMs({ leaseMs: observedLeaseMs, clockDrift: timing.clockDrift });
  return Math.max(timing.fenceMs, least);
}

export const profileSchema = z.enum(["fast", "default"]);
export type Profile = z.infer<typeof profileSchema>;

/** Timings of a profile; `disciplined`: the clock discipline of every host is known slow enough (safety.md 1.2). */
export function timingOf(profile: Profile, disciplined: boolean): Timing {
  if (profile === "default") {
    return {
      intervalMs: 300,
      leaseMs: 2000,
      fenceMs: 2450,
      clockDrift: UNDISCIPLINED_DRIFT,
      etcdHeartbeatMs: 50,
      etcdElectionMs: 500,
    };
  }
  const fast = {
    // Four renewals fit into the shorter lease, and one that fails is tried again at once: more would cost an idle host
    // more and save nothing.
    intervalMs: 120,
    etcdHeartbeatMs: 20,
    etcdElectionMs: 200,
  };
  return disciplined
    ? { ...fast, leaseMs: 500, fenceMs: 560, clockDrift: DISCIPLINED_DRIFT }
    : { ...fast, leaseMs: 800, fenceMs: 1000, clockDrift: UNDISCIPLINED_DRIFT };
}
