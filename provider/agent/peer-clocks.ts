import { type ClockSamples, clockRateDifference, isClockAlarm, sampled } from "./clock-rate";
import type { Context } from "./context";
import type { UdpHeartbeat } from "./env";

export interface PeerClocks {
  heard(heartbeat: UdpHeartbeat, now: number): void;
  /** Brings the session's clock alarms up to date and tells of each that begins or ends. */
  judge(session: Context): void;
}

/** The clocks of the peers as this agent measures them. */
export function createPeerClocks(): PeerClocks {
  const samples = new Map<string, ClockSamples>();
  return {
    heard({ from, sid, sentAt }, now) {
      samples.set(from, sampled(samples.get(from), { sid, sentAt }, now));
    },
    judge(session) {
      const { clockDrift } = session.policy.timing;
      const next = new Set(
        [...samples].filter(([, seen]) => isClockAlarm(seen, clockDrift)).map(([host]) => host),
      );
      for (const host of next) {
        if (session.clockAlarms.has(host)) continue;
        const percent = Math.abs(clockRateDifference(samples.get(host)!)! * 100).toFixed(1);
        const limit = (clockDrift * 50).toFixed(1);
        tell(
          session,
          `the clocks of ${host} and ${session.me.host} differ in rate by ${percent} %, more than ${limit} %: ${session.me.host} does not fence ${host} by itself any more`,
        );
      }
      for (const host of session.clockAlarms)
        if (!next.has(host)) tell(session, `the clocks of ${host} and ${session.me.host} agree again`);
      session.clockAlarms = next;
    },
  };
}

function tell({ env }: Context, sentence: string): void {
  env.log.event({ kind: "clock", sentence });
}
