/** Seeds that once broke an invariant, each with what it found. A new one is one more line; the tests run them all. */
export const regressions: { seed: number; found: string }[] = [
  { seed: 20, found: "an agent ended as it decided on a view whose heartbeat keys it had not looked at yet" },
  { seed: 85, found: "a host whose lease had lapsed removed the copy that a handover had prepared on it" },
  { seed: 96, found: "the next session waited for a join that no lease process would answer" },
  {
    seed: 188,
    found: "a taken over container began under a specification that was declared after the take-over",
  },
  { seed: 232, found: "the next session removed a copy that was being restored for a handover" },
  { seed: 290, found: "a lost reply to one renewal kept the next from being sent in time" },
  { seed: 426, found: "a handover's target restored into a copy that it had removed on suspicion" },
  { seed: 731, found: "a standby with older records removed what a handover had prepared" },
  { seed: 1357, found: "a copy ran on where the session had ended during a join" },
  { seed: 1573, found: "a handover went on with a copy that a lapse of the lease had frozen meanwhile" },
  {
    seed: 2818,
    found: "a stale read after a refusal made an acknowledged generation look like a failed one",
  },
  { seed: 3374, found: "a restarted lease process opened the gate for a copy that was to begin anew" },
];
