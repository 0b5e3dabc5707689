import { type Profile, type Timing, timingOf } from "../contract";
import { isClockDisciplined, MAX_SLEW_PPM, type NetworkFacts } from "../preflight/facts";

/** The timings of a group, and the sentence that says why these: what the clocks of its members may do decides. */
export function chooseTiming(
  { profile, timings }: { profile: Profile; timings?: Timing },
  members: readonly { name: string }[],
  facts: ReadonlyMap<string, Pick<NetworkFacts, "clock">>,
): { timing: Timing; reason: string } {
  if (timings) return { timing: timings, reason: "the timings are declared" };
  if (profile === "default")
    return { timing: timingOf("default", false), reason: "profile default, which any clock daemon suits" };
  const doubts = members.flatMap(({ name }) => doubtOf(name, facts.get(name)) ?? []);
  const timing = timingOf("fast", doubts.length === 0);
  const kinds = members.map(({ name }) => `${name} ${facts.get(name)?.clock.discipline}`).join(", ");
  const reason =
    doubts.length === 0
      ? `profile fast at its shortest, as no member's clock can be slewed by much (${kinds})`
      : `profile fast with a lease of ${timing.leaseMs} ms instead of ${timingOf("fast", true).leaseMs} ms: ${doubts.join("; ")}`;
  return { timing, reason };
}

/** Why the rate of this host's clock is not known to stay within the small bound; null: it is. */
function doubtOf(name: string, facts: Pick<NetworkFacts, "clock"> | undefined): string | null {
  if (!facts) return `${name} did not tell how its clock is disciplined`;
  if (isClockDisciplined(facts)) return null;
  const { discipline, maxSlewPpm } = facts.clock;
  if (discipline !== "chrony")
    return `${name} has more than one clock daemon, or one whose slewing is not known`;
  const now = maxSlewPpm === null ? "has no maxslewrate" : `has maxslewrate ${maxSlewPpm}`;
  return `chrony on ${name} ${now} (set \`maxslewrate ${MAX_SLEW_PPM}\` in its chrony.conf)`;
}
