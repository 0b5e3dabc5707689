import { z } from "zod";
import { parseJson } from "../contract";

/** What one voter or learner says of its own data. */
export interface DataState {
  endpoint: string;
  revision: number;
  /** Entries of raft's log that it has applied. */
  applied: number;
  /** It is raft's leader. */
  leads: boolean;
}

/** The two numbers of a status are not read in one moment. */
const SLACK = 100;

const statusSchema = z.array(
  z.object({
    Endpoint: z.string(),
    // Ids are larger than numbers hold exactly; equal ones stay equal.
    Status: z.object({
      header: z.object({ revision: z.int(), member_id: z.number() }),
      leader: z.number().default(0),
      raftAppliedIndex: z.int(),
    }),
  }),
);

/** Output of `etcdctl endpoint status -w json`. */
export function parseDataStates(output: string): DataState[] {
  return parseJson(statusSchema, output, "the status of etcd's members").map(({ Endpoint, Status }) => ({
    endpoint: Endpoint,
    revision: Status.header.revision,
    applied: Status.raftAppliedIndex,
    leads: Status.leader === Status.header.member_id,
  }));
}

/**
 * Why these cannot be copies of the same data, or null: an entry of the log raises the revision by one at most, and never
 * lowers it. safety: members that do not agree would answer the same transaction differently.
 */
export function disagreement(states: readonly Omit<DataState, "leads">[]): string | null {
  const ordered = [...states].sort((a, b) => a.applied - b.applied);
  for (const [index, later] of ordered.entries()) {
    for (const earlier of ordered.slice(0, index)) {
      const raised = later.revision - earlier.revision;
      if (raised >= -SLACK && raised <= later.applied - earlier.applied + SLACK) continue;
      const words = [earlier, later].map(
        ({ endpoint, revision, applied }) => `${endpoint} is at revision ${revision} after entry ${applied}`,
      );
      return words.join(", ");
    }
  }
  return null;
}
