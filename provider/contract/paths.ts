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
