import type { Packet } from "./packet";

/** Sids of one host that are remembered: what is older was replaced long ago. */
const SIDS_PER_HOST = 8;

/**
 * Tells new heartbeats from replayed ones: the sequence of a sid only rises. Whether a sid is the host's current one is
 * for the caller to compare with the session in etcd.
 */
export function createReplayGuard(): (packet: Packet) => boolean {
  const hosts = new Map<string, Map<string, bigint>>();
  return ({ from, sid, seq }) => {
    const sids = hosts.get(from) ?? new Map<string, bigint>();
    hosts.set(from, sids);
    const last = sids.get(sid);
    if (last !== undefined && seq <= last) return false;
    sids.delete(sid);
    sids.set(sid, seq);
    if (sids.size > SIDS_PER_HOST) sids.delete(sids.keys().next().value!);
    return true;
  };
}
