import { createHash } from "node:crypto";
import { z } from "zod";

/** Names of hosts, groups, containers and rules: they become file names, unit names and etcd keys. */
export const nameSchema = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, {
  error: "expected a name of 1 to 40 lower-case letters, digits and inner dashes",
});

/** Everything the product owns on a host. One group per host, so the paths carry no group name. */
export const paths = {
  lib: "/usr/lib/container-ha",
  etc: "/etc/container-ha",
  state: "/var/lib/container-ha",
  run: "/run/container-ha",
  command: "/usr/bin/container-ha",
  groupConfig: "/etc/container-ha/group.json",
  agentConfig: "/etc/container-ha/agent.json",
  gateRules: "/etc/container-ha/gate.nft",
  /** Key of the UDP heartbeats: 32 random bytes in hex, one key a line, the first one is sent with. */
  heartbeatKeys: "/etc/container-ha/heartbeat.keys",
  tls: {
    /** Trust bundle: every CA certificate that is accepted now. */
    ca: "/etc/container-ha/tls/ca.pem",
    cert: "/etc/container-ha/tls/host.pem",
    key: "/etc/container-ha/tls/host.key",
  },
  /** For an etcd that is not the group's own. */
  externalEtcdTls: {
    ca: "/etc/container-ha/tls/etcd-ca.pem",
    cert: "/etc/container-ha/tls/etcd.pem",
    key: "/etc/container-ha/tls/etcd.key",
  },
  etcdData: "/var/lib/container-ha/etcd",
  /** Of which cluster the voter's data are: the text of the record `rebuilt`; absent: of the first one. */
  etcdRebuilt: "/var/lib/container-ha/etcd/member/rebuilt",
  etcdUnit: "/etc/systemd/system/container-ha-etcd.service",
  /** Generations: `<store>/<container>/<epoch>-<gen>/`. */
  store: "/var/lib/container-ha/store",
  /** Image archives by content hash: `<images>/<sha256>.tar`. */
  images: "/var/lib/container-ha/images",
  /** The session of this boot, safety.md 1.6. On a tmpfs, so that a reboot loses it. */
  session: "/run/container-ha/session.json",
  /** Which session this machine began last: on the disk, so that a reboot can be told from another machine. */
  lastSession: "/var/lib/container-ha/last-session",
  leaseSocket: "/run/container-ha/lease.sock",
  agentSocket: "/run/container-ha/agent.sock",
  /** CRIU's configuration for everything that runc starts. */
  criuRuncConf: "/etc/criu/runc.conf",
} as const;

export const units = {
  gate: "container-ha-gate.service",
  etcd: "container-ha-etcd.service",
  lease: "container-ha-lease.service",
  agent: "container-ha-agent.service",
} as const;

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
