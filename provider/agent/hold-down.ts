import type { Fence, Session } from "../contract";
import type { HostView, Rec } from "./view";

/** A host that was fenced and is back takes no container for this long at first, each time twice as long. */
const LEAST_MS = 30_000;
const MOST_MS = 600_000;
/** A session that lived this long before it was ended makes earlier ones forgotten. */
const STABLE_MS = 600_000;

/** How many sessions in a row were ended by others before the next one begins; told in its record. */
export function flapsAfter(before: Session, fence: Fence | null, host: string): number {
  if (!fence || fence.by === host) return 0;
  const lived = Date.parse(fence.at) - Date.parse(before.started);
  return lived >= STABLE_MS ? 1 : (before.flaps ?? 0) + 1;
}

/**
 * How much longer a host that came back is no candidate, ms; 0: it is one (safety.md 1.12). Counted in renewals of its
 * session, so that every observer says the same; a restarted lease process counts anew.
 */
export function holdDownMs(
  { session, heartbeat }: Pick<HostView, "session" | "heartbeat">,
  intervalMs: number,
): number {
  const flaps = session?.value.flaps ?? 0;
  if (!session || flaps === 0) return 0;
  const renewals = isOf(heartbeat, session.value.sid) ? heartbeat!.value.n : 0;
  return Math.max(0, Math.min(LEAST_MS * 2 ** (flaps - 1), MOST_MS) - renewals * intervalMs);
}

function isOf(heartbeat: Rec<{ sid: string }> | null, sid: string): boolean {
  return heartbeat?.value.sid === sid;
}
