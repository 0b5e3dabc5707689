/**
 * The states of one container on one host (safety.md 1.3). Only RUNNING may be reachable from the network.
 * Every transition that the agent makes is in `transitions`; each is logged once as `from => to`.
 */
export const states = {
  ABSENT: "no local copy, or only checkpoint files",
  PREPARED: "a copy is created behind the closed gate under its parked MAC; nothing runs",
  HELD: "the committed generation is restored on suspicion and waits before its first instruction",
  WARM: "a copy of the committed generation is restored and frozen behind the closed gate under its parked MAC",
  RESTORING: "this host owns the container and restores or starts it behind the closed gate",
  RUNNING: "this host owns the container, its phase is committed and its gate is live",
  HANDOVER: "this host hands the container over: its gate is closed, its copy frozen until the target runs",
  LAPSED: "the lease was not renewed in time: the kernel drops, the container is frozen, nothing is killed",
  FENCED: "the record names another owner: the copy is being killed",
} as const;
export type State = keyof typeof states;

const transitions: Record<State, readonly State[]> = {
  // To RUNNING and LAPSED: an agent that was restarted finds its container going on.
  ABSENT: ["PREPARED", "RESTORING", "RUNNING", "LAPSED", "FENCED"],
  PREPARED: ["HELD", "WARM", "RESTORING", "ABSENT", "FENCED"],
  HELD: ["WARM", "RESTORING", "PREPARED", "ABSENT", "FENCED"],
  WARM: ["HELD", "RESTORING", "PREPARED", "ABSENT", "FENCED"],
  RESTORING: ["RUNNING", "LAPSED", "FENCED", "ABSENT"],
  RUNNING: ["RESTORING", "HANDOVER", "LAPSED", "FENCED", "ABSENT"],
  HANDOVER: ["RUNNING", "RESTORING", "FENCED", "ABSENT"],
  LAPSED: ["RUNNING", "RESTORING", "FENCED", "ABSENT"],
  FENCED: ["ABSENT", "PREPARED"],
};

export function mayFollow(from: State, to: State): boolean {
  return from === to || transitions[from].includes(to);
}
