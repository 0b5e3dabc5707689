/** What is known of the voters before anything is started. */
export interface VoterView {
  name: string;
  reachable: boolean;
  hasData: boolean;
  /** Its data is of a first cluster that was never finished. */
  isBootstrapping: boolean;
}

export type StartPlan =
  /** Start who has data; the cluster exists. */
  | { do: "use" }
  /** Make the first cluster, throwing away what unfinished attempts left. */
  | { do: "bootstrap" }
  | { do: "give-up"; reason: string };

/**
 * How to get a working cluster. `finished`: an earlier run got one (so empty voters lost their data);
 * `quorum`: whether a majority answers now that everything with data has been started, null before that was tried.
 */
export function planStart(o: {
  voters: readonly VoterView[];
  finished: boolean;
  quorum: boolean | null;
}): StartPlan {
  if (o.quorum) return { do: "use" };
  const withData = o.voters.filter((voter) => voter.hasData);
  const silent = o.voters.filter((voter) => !voter.reachable).map((voter) => voter.name);
  const unfinished = withData.every((voter) => voter.isBootstrapping) && !o.finished;
  const disposable = unfinished && silent.length === 0;
  const hopeless = withData.length < majorityOf(o.voters);
  if (withData.length > 0 && o.quorum === null && !(disposable && hopeless)) return { do: "use" };
  if (disposable) return { do: "bootstrap" };
  return { do: "give-up", reason: reasonOf({ ...o, withData, silent }) };
}

function majorityOf(voters: readonly VoterView[]): number {
  return Math.floor(voters.length / 2) + 1;
}

function reasonOf(o: {
  voters: readonly VoterView[];
  finished: boolean;
  withData: readonly VoterView[];
  silent: string[];
}): string {
  const parts = [`etcd has no quorum: ${majorityOf(o.voters)} of ${o.voters.length} voters must work`];
  const empty = o.voters.filter((voter) => voter.reachable && !voter.hasData).map((voter) => voter.name);
  if (o.withData.length > 0) parts.push(`with data: ${o.withData.map((voter) => voter.name).join(", ")}`);
  if (empty.length > 0) parts.push(`without data: ${empty.join(", ")}`);
  if (o.silent.length > 0) parts.push(`not reachable: ${o.silent.join(", ")}`);
  const advice =
    o.silent.length > 0
      ? "bring these hosts back, then run this again; if a majority is gone for good, run `container-ha recover` on a host that has its data"
      : "see `journalctl -u container-ha-etcd` on them; if the data of a majority is lost for good, run `container-ha recover` on a host that has its data";
  return `${parts.join("; ")}. ${advice[0]!.toUpperCase()}${advice.slice(1)}.`;
}
