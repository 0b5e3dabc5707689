/** What an agent counts from its start on, by name without the prefix `container_ha_`, and what each means. */
export const counterHelp = {
  failovers_total: "Containers that this host took over from another host.",
  fences_total:
    "Sessions of other hosts that this host ended on an operator's word or after their fencing command.",
  handovers_total: "Containers that were moved away from this host.",
  handover_rollbacks_total: "Moves away from this host that ended where they began.",
  restores_total: "Generations that this host restored.",
  restore_failures_total: "Restores that failed on this host.",
  cold_starts_total: "Containers that this host started without a generation.",
  checkpoints_total: "Generations that this host committed.",
  checkpoint_failures_total: "Checkpoints that failed on this host.",
  dump_frozen_seconds_total: "Seconds that containers on this host stood still for a dump.",
  fetches_total: "Generations that this host fetched from another holder.",
  scrubs_total: "Generations on this host that were hashed again.",
  rotten_generations_total: "Generations on this host that were found damaged.",
  lease_lapses_total: "Times that the lease of this host lapsed and its gate closed.",
  probe_failures_total: "Probes of containers on this host that failed.",
} as const;
export type Counter = keyof typeof counterHelp;
export type Counters = Record<Counter, number>;

/** Each is there from the beginning: a rate cannot be told of what appears with its first event. */
export function newCounters(): Counters {
  return Object.fromEntries(Object.keys(counterHelp).map((name) => [name, 0])) as Counters;
}
