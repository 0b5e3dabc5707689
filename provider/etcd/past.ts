import { check, type Rebuilt, rebuiltSchema } from "../contract";
import { UserError } from "../errors";

/** What is known of a voter's data. */
export interface VoterData {
  name: string;
  hasData: boolean;
  /** Text of the record `rebuilt` beside it; empty: of the first cluster. */
  rebuilt: string;
}

/**
 * Voters whose data is of a cluster that was given up: another one has data of a later cluster. They must not be
 * started, but join anew. Two clusters that were rebuilt apart from each other cannot both be right.
 */
export function votersOfThePast(voters: readonly VoterData[]): string[] {
  const known = voters
    .filter((voter) => voter.hasData)
    .map((voter) => ({ ...voter, ...clusterOf(voter.rebuilt) }));
  const newest = Math.max(0, ...known.map(({ number }) => number));
  const current = known.filter(({ number }) => number === newest);
  const [one, other] = [current[0], current.find(({ id }) => id !== current[0]?.id)];
  if (one && other)
    throw new UserError(
      `${one.name} and ${other.name} were both rebuilt by "container-ha recover", apart from each other, so there are two groups now. ` +
        `Decide which one counts; on every voter of the other stop ${UNITS} and delete the folder member of its etcd data, then run this again`,
    );
  return known.filter(({ number }) => number < newest).map(({ name }) => name);
}

function clusterOf(text: string): Pick<Rebuilt, "number" | "id"> {
  if (text.trim() === "") return { number: 0, id: "" };
  const parsed = check(rebuiltSchema, jsonOrNull(text));
  if (!parsed.ok) throw new Error(`the record beside etcd's data is not understood: ${text.trim()}`);
  return parsed.value;
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const UNITS = "container-ha-agent, container-ha-lease and container-ha-etcd";
