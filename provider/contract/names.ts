import { createHash } from "node:crypto";
import { z } from "zod";

/** Names of hosts, groups, containers and rules: they become file names, unit names and etcd keys. */
export const nameSchema = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, {
  error: "expected a name of 1 to 40 lower-case letters, digits and inner dashes",
});

/** The nft table of the gate (family netdev) and the engine network of protected containers. */
export const gateTable = "ha_gate";
/** Its set of those who asked a closed container for a connection a moment ago. */
export const gateSyns = "syns";
export const engineNetwork = "container-ha";
/** The shim that only the agent's probes use, and the one for clients on the host (facts: two shims per host). */
export const probeShim = "ha-probe";
export const localShim = "ha-local";

/** Name of a protected container in its engine. */
export function engineName(container: string): string {
  return `ha-${container}`;
}

/** The MAC that owns a container's virtual IPs, the same on every host. */
export function realMac(group: string, container: string): string {
  return macOf(`${group}/${container}`);
}

/** The MAC of a copy that is prepared on `host` but does not own: never opened by the gate. */
export function parkedMac(group: string, container: string, host: string): string {
  return macOf(`${group}/${container}@${host}`);
}

/** MAC of the probe shim or of the shim for local clients of `host`. */
export function shimMac(group: string, host: string, shim: string): string {
  return macOf(`${group}:${host}:${shim}`);
}

const macs = new Map<string, string>();

/** A locally administered unicast MAC derived from `text`; kept, as each cycle of an agent asks for all of them. */
function macOf(text: string): string {
  const mac = macs.get(text) ?? derivedMac(text);
  macs.set(text, mac);
  return mac;
}

function derivedMac(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 6);
  bytes[0] = (bytes[0]! & 0xfc) | 0x02;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
