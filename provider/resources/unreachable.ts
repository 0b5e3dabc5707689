import { GroupUnavailable } from "../control";
import { HostUnreachable } from "../errors";

/** Environment variable that stands for `deleteUnreachable: true` on every resource: no `up` is needed before. */
export const DELETE_UNREACHABLE = "CONTAINER_HA_DELETE_UNREACHABLE";

/**
 * Removes something from a host or a group. Where nobody answers, the failure says how to delete the resource all the
 * same; with `allowed` (or the environment variable) it is given up with a line that says what may be left.
 */
export async function removeOrGiveUp(o: {
  allowed: boolean;
  what: string;
  log: (line: string) => void;
  remove: () => Promise<void>;
}): Promise<void> {
  try {
    await o.remove();
  } catch (error) {
    if (!(error instanceof HostUnreachable || error instanceof GroupUnavailable)) throw error;
    if (mayGiveUp(o.allowed)) {
      o.log(`warning: ${error.message}\n${o.what} was given up and may be left there (deleteUnreachable).`);
      return;
    }
    error.message +=
      `\nIf it will not come back, set deleteUnreachable: true on this resource, or ${DELETE_UNREACHABLE}=true in the ` +
      "environment: it is then deleted from the state, and what is left there is not cleaned up.";
    throw error;
  }
}

/** Whether what a host that does not answer still has may be left there. */
export function mayGiveUp(allowed: boolean): boolean {
  return allowed || process.env[DELETE_UNREACHABLE] === "true";
}
