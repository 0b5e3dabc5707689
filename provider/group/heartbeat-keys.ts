import { randomBytes } from "node:crypto";
import { paths } from "../contract";
import type { HostSession } from "../ssh/session";

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

/** Those that a host has, where the state knows of none: what is there is adopted. */
export async function keysOnHosts(hosts: Iterable<HostSession>): Promise<string[] | undefined> {
  for (const host of hosts) {
    const text = await host.readFile(paths.heartbeatKeys);
    if (text?.trim()) return text.trim().split("\n");
  }
  return undefined;
}

const KEY_BYTES = 32;
