import { type Ports, paths, type Timing } from "../contract";
import { httpsUrl } from "../group/address";
import { checkFile } from "./etcd-check";
import { joinFile } from "./etcd-files";

export interface EtcdUnitOptions {
  host: { name: string; address: string };
  ports: Ports;
  timing: Pick<Timing, "etcdHeartbeatMs" | "etcdElectionMs">;
  /** Whether the host lets a service have real-time priority (safety.md 3.3). */
  realtime: boolean;
}

/**
 * The voter's unit. It starts only where it has data, or where the provider has just prepared a first start: a voter
 * that lost its disk must not come back under its old identity with an empty log. Nor does it start with data of a
 * cluster that was given up (etcd-check.ts).
 */
export function etcdUnit(options: EtcdUnitOptions): string {
  return `[Unit]
Description=container-ha etcd voter
After=network-online.target
Wants=network-online.target
RequiresMountsFor=${paths.state}
ConditionPathExistsGlob=|${paths.etcdData}/member/wal/*.wal
ConditionPathExists=|${joinFile}
StartLimitIntervalSec=0

[Service]
Type=notify
EnvironmentFile=-${joinFile}
ExecCondition=/bin/sh ${checkFile}
ExecStart=${etcdArgv(options).join(" ")}
Restart=always
RestartSec=500ms
TimeoutStartSec=infinity
TimeoutStopSec=5s
LimitNOFILE=65536
${options.realtime ? "CPUSchedulingPolicy=rr\nCPUSchedulingPriority=5" : "Nice=-10"}
IOSchedulingClass=best-effort
IOSchedulingPriority=0
OOMScoreAdjust=-1000
NoNewPrivileges=yes
UMask=0077

[Install]
WantedBy=multi-user.target
`;
}

/** safety.md 3.1 and 3.3. */
export function etcdArgv({ host, ports, timing }: EtcdUnitOptions): string[] {
  const client = httpsUrl(host.address, ports.etcdClient);
  const peer = httpsUrl(host.address, ports.etcdPeer);
  const { ca, cert, key } = paths.tls;
  return [
    "/usr/bin/etcd",
    `--name=${host.name}`,
    `--data-dir=${paths.etcdData}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--heartbeat-interval=${timing.etcdHeartbeatMs}`,
    `--election-timeout=${timing.etcdElectionMs}`,
    `--cert-file=${cert}`,
    `--key-file=${key}`,
    `--trusted-ca-file=${ca}`,
    "--client-cert-auth",
    `--peer-cert-file=${cert}`,
    `--peer-key-file=${key}`,
    `--peer-trusted-ca-file=${ca}`,
    "--peer-client-cert-auth",
    "--auto-compaction-mode=periodic",
    "--auto-compaction-retention=10m",
    "--quota-backend-bytes=536870912",
    "--snapshot-count=10000",
    "--max-wals=3",
    "--max-snapshots=3",
    "--strict-reconfig-check",
    "--pre-vote=true",
    "--experimental-initial-corrupt-check=true",
    "--logger=zap",
    "--log-level=warn",
  ];
}

export interface JoinRequest {
  /** Every voter of the cluster that is started or joined. */
  voters: readonly { name: string; address: string }[];
  ports: Ports;
  state: "new" | "existing";
  token: string;
}

export function joinEnvironment({ voters, ports, state, token }: JoinRequest): string {
  const cluster = voters.map((voter) => `${voter.name}=${httpsUrl(voter.address, ports.etcdPeer)}`).join(",");
  return `ETCD_INITIAL_CLUSTER=${cluster}\nETCD_INITIAL_CLUSTER_STATE=${state}\nETCD_INITIAL_CLUSTER_TOKEN=${token}\n`;
}

/** Part of a script. One that is asked to stop would look for another voter to lead, for seconds where all of them stop. */
const STOP_ALONE = `{ systemctl stop --no-block "$1"; systemctl kill --signal=KILL "$1"; systemctl stop "$1"; } 2>/dev/null`;

/** Starts the voter, whose unit is `$1`, again while the others are started again, too: it is ready only with them. */
export const RESTART_ALONE_SCRIPT = `
${STOP_ALONE}
systemctl start --no-block "$1"`;

/** Ends the voter and forgets everything it knew. Its folder may be a disk of its own, which stays. */
export const WIPE_SCRIPT = `
${STOP_ALONE}
rm -rf -- "$3" "$4"
[ -d "$2" ] || exit 0
find "$2" -mindepth 1 -delete
mountpoint -q "$2" || rmdir -- "$2"`;

/** Prints `yes` where the voter whose folder is `$1` has data. */
export const DATA_SCRIPT = `for wal in "$1"/member/wal/*.wal; do [ -e "$wal" ] && echo yes && break; done; exit 0`;

/** argv of etcdctl, without `etcdctl` and its connection. */
export const etcdctl = {
  /** Not as JSON: ids are 64 bits there and lose digits. */
  members: (): string[] => ["member", "list"],
  status: (): string[] => ["endpoint", "status", "-w", "json"],
  addLearner: (o: { name: string; peerUrl: string }): string[] => [
    "member",
    "add",
    o.name,
    "--learner",
    `--peer-urls=${o.peerUrl}`,
  ],
  promote: (id: string): string[] => ["member", "promote", id],
  remove: (id: string): string[] => ["member", "remove", id],
  /** Only the leader does it. */
  moveLeader: (to: string): string[] => ["move-leader", to],
  /** The value comes on standard input. */
  put: (key: string): string[] => ["put", key],
};
