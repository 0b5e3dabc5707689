import { randomBytes } from "node:crypto";

/** Keys of the UDP heartbeats: the first is sent with, both are accepted, so that a rotation needs no gap. */
export function newHeartbeatKeys(before: readonly string[] | undefined, rotate: boolean): string[] {
  if (before?.[0] && !rotate) return [...before];
  return [randomBytes(KEY_BYTES).toString("hex"), ...(before?.slice(0, 1) ?? [])];
}

/** The same while not every host knows them yet: what is sent with stays. */
export function keysToAccept(keys: readonly string[], before: readonly string[] | undefined): string[] {
  const sentWith = before?.[0] ?? keys[0]!;
  return [sentWith, ...keys.filter((key) => key !== sentWith)];
}

const KEY_BYTES = 32;
