import { randomBytes } from "node:crypto";

/** Keys of the UDP heartbeats: the first is sent with, both are accepted, so that a rotation needs no gap. */
export function newHeartbeatKeys(before: readonly string[] | undefined, rotate: boolean): string[] {
  if (before?.[0] && !rotate) return [...before];
  return [randomBytes(KEY_BYTES).toString("hex"), ...(before?.slice(0, 1) ?? [])];
}

const KEY_BYTES = 32;
