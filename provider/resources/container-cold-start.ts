import { createHash } from "node:crypto";
import { canonical, workloadSchema } from "../contract";
import { hasUnknown } from "../frame/unknown";

type Values = Record<string, unknown>;

/** Inputs that cannot change under running memory: their change is a cold start (see `specDigest`). */
const workloadKeys = [...Object.keys(workloadSchema.shape), "virtualIps"];

/**
 * A line of the plan that changes with the workload. A secret environment is left out: the line is not encrypted in
 * the state, and even a short digest would let one try passwords.
 */
export function coldStartText(known: Values): string {
  const open = known.envsAreSecret ? { ...known, envs: undefined } : known;
  const digest = createHash("sha256")
    .update(canonical(workloadOf(open)))
    .digest("hex")
    .slice(0, 8);
  return `workload ${digest}: a change here is a cold start under a new epoch, memory is not kept`;
}

/** What a plan says about an update that is a cold start; null: it is none, or it is not known yet. */
export function coldStartWarning(olds: Values, news: Values): string | null {
  const changed = workloadKeys.filter((key) => {
    const [before, after] = [workloadOf(olds)[key], workloadOf(news)[key]];
    return !hasUnknown(after) && canonical(before) !== canonical(after);
  });
  if (changed.length === 0) return null;
  return (
    `ProtectedContainer ${String(news.name)}: the changed ${changed.join(", ")} means a cold start under a new epoch: ` +
    "its memory is not kept"
  );
}

/** The path of an image archive does not matter, its content does. */
function workloadOf(values: Values): Values {
  const image = values.image as { sha256?: string } | string | undefined;
  const entries = workloadKeys.map((key) => [key, values[key]]);
  return { ...Object.fromEntries(entries), image: typeof image === "object" ? image.sha256 : image };
}
