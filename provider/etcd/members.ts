/** A line of `etcdctl member list`. */
export interface Member {
  /** Hexadecimal. */
  id: string;
  /** False between `member add` and its first start. */
  started: boolean;
  name: string;
  peerUrls: string[];
  /** Empty until its first start. */
  clientUrls: string[];
  learner: boolean;
}

/** `8e9e05c52164694d, started, ha1, https://10.0.0.1:7380, https://10.0.0.1:7379, false` */
export function parseMembers(output: string): Member[] {
  const lines = output.split("\n").filter((line) => line !== "");
  // safety: who is not in this list is made to join from nothing, so a list that was not understood must not pass.
  if (lines.length === 0) throw new Error("etcdctl listed no members");
  return lines.map((line) => {
    const [id = "", status = "", name = "", peerUrls = "", clientUrls = "", learner] = line.split(", ");
    if (!/^[0-9a-f]+$/.test(id) || !/^(un)?started$/.test(status) || !peerUrls.startsWith("http")) {
      throw new Error(`etcdctl listed a member that is not understood: ${line}`);
    }
    return {
      id,
      started: status === "started",
      name,
      peerUrls: peerUrls.split(","),
      clientUrls: clientUrls.split(",").filter((url) => url !== ""),
      learner: learner === "true",
    };
  });
}

/** A voter as it should be. */
export interface WantedVoter {
  name: string;
  peerUrl: string;
  /** Whether its host has etcd data; null: the host does not answer. */
  hasData: boolean | null;
}

export type MemberStep =
  | { do: "add"; voter: WantedVoter }
  | { do: "start"; voter: WantedVoter; member: Member }
  | { do: "promote"; voter: WantedVoter; member: Member }
  | { do: "remove"; member: Member; why: string }
  | { do: "nothing" };

/**
 * The next change on the way from the cluster's members to the wanted voters, one at a time: who is missing joins as a
 * learner and is promoted; who lost its data is removed, so that it can join again; who is not wanted leaves last.
 */
export function nextMemberStep(members: readonly Member[], voters: readonly WantedVoter[]): MemberStep {
  for (const voter of voters) {
    if (voter.hasData === null) continue;
    const member = members.find((candidate) => candidate.peerUrls.includes(voter.peerUrl));
    if (!member) {
      const former = members.find((candidate) => candidate.name === voter.name);
      // A member list with one name twice would keep the new one from starting.
      if (former) return { do: "remove", member: former, why: `${voter.name} has another address now` };
      return { do: "add", voter };
    }
    if (member.started && !voter.hasData) return { do: "remove", member, why: `${voter.name} lost its data` };
    if (!member.started) return { do: "start", voter, member };
    if (member.learner) return { do: "promote", voter, member };
  }
  const unwanted = members.find((member) => !voters.some((voter) => member.peerUrls.includes(voter.peerUrl)));
  return unwanted
    ? { do: "remove", member: unwanted, why: `${unwanted.name} is no voter of the group any more` }
    : { do: "nothing" };
}

/** Who may be asked while a step is taken: a learner answers nearly nothing, and who leaves stops before it can say that it has left. */
export function endpointsDuring(step: MemberStep, members: readonly Member[]): string[] {
  const leaving = step.do === "remove" ? step.member.id : null;
  return members
    .filter((member) => member.started && !member.learner && member.id !== leaving)
    .flatMap((member) => member.clientUrls);
}
