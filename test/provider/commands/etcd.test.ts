import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { etcdArgv, etcdctl, etcdUnit, joinEnvironment, WIPE_SCRIPT } from "../../../provider/commands/etcd";
import { temporaryFolder } from "../../agent/env/support/generations";
import { skipBecause } from "../../support/skip";

const options = {
  host: { name: "a", address: "10.0.0.1" },
  ports: { etcdClient: 7379, etcdPeer: 7380, peer: 7381, heartbeat: 7382 },
  timing: { etcdHeartbeatMs: 20, etcdElectionMs: 200 },
  realtime: true,
};

describe("etcd's command line", () => {
  it("has mutual TLS in both directions, the profile's timings and bounded files", () => {
    assert.deepEqual(etcdArgv(options), [
      "/usr/bin/etcd",
      "--name=a",
      "--data-dir=/var/lib/container-ha/etcd",
      "--listen-client-urls=https://10.0.0.1:7379",
      "--advertise-client-urls=https://10.0.0.1:7379",
      "--listen-peer-urls=https://10.0.0.1:7380",
      "--initial-advertise-peer-urls=https://10.0.0.1:7380",
      "--heartbeat-interval=20",
      "--election-timeout=200",
      "--cert-file=/etc/container-ha/tls/host.pem",
      "--key-file=/etc/container-ha/tls/host.key",
      "--trusted-ca-file=/etc/container-ha/tls/ca.pem",
      "--client-cert-auth",
      "--peer-cert-file=/etc/container-ha/tls/host.pem",
      "--peer-key-file=/etc/container-ha/tls/host.key",
      "--peer-trusted-ca-file=/etc/container-ha/tls/ca.pem",
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
    ]);
  });

  it("puts an IPv6 address in brackets", () => {
    const argv = etcdArgv({ ...options, host: { name: "a", address: "fd00::1" } });
    assert.ok(argv.includes("--listen-client-urls=https://[fd00::1]:7379"));
  });
});

describe("etcd's unit", () => {
  it("starts only where there is data or a start was prepared", () => {
    const unit = etcdUnit(options);
    assert.match(unit, /^ConditionPathExistsGlob=\|\/var\/lib\/container-ha\/etcd\/member\/wal\/\*\.wal$/m);
    assert.match(unit, /^ConditionPathExists=\|\/run\/container-ha\/etcd-join\.env$/m);
  });

  it("has real-time priority where the host allows it, else a high one", () => {
    assert.match(etcdUnit(options), /^CPUSchedulingPolicy=rr\nCPUSchedulingPriority=5$/m);
    const plain = etcdUnit({ ...options, realtime: false });
    assert.match(plain, /^Nice=-10$/m);
    assert.doesNotMatch(plain, /CPUScheduling/);
  });
});

describe("what a voter is told at its first start", () => {
  it("names all voters and whether the cluster exists", () => {
    const voters = [options.host, { name: "b", address: "10.0.0.2" }];
    assert.equal(
      joinEnvironment({ voters, ports: options.ports, state: "existing", token: "g" }),
      "ETCD_INITIAL_CLUSTER=a=https://10.0.0.1:7380,b=https://10.0.0.2:7380\n" +
        "ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER_TOKEN=g\n",
    );
  });
});

describe("clearing a voter's data", () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const wipe = (data: string) =>
    execFileSync("sh", [
      "-c",
      WIPE_SCRIPT,
      "wipe",
      "no-such.service",
      data,
      join(folder, "join"),
      join(folder, "mark"),
    ]);

  it("removes the folder, and succeeds where there is none", () => {
    const data = join(folder, "etcd");
    mkdirSync(join(data, "member/wal"), { recursive: true });
    wipe(data);
    assert.equal(existsSync(data), false);
    wipe(data);
  });

  it("empties a disk of its own and leaves it mounted", function () {
    const data = join(folder, "etcd");
    mkdirSync(data);
    try {
      execFileSync("mount", ["-t", "tmpfs", "tmpfs", data], { stdio: "pipe" });
    } catch (error) {
      skipBecause(this, `a file system cannot be mounted here: ${(error as Error).message.trim()}`);
    }
    try {
      mkdirSync(join(data, "member"));
      writeFileSync(join(data, "member/db"), "x");
      wipe(data);
      assert.deepEqual(readdirSync(data), []);
    } finally {
      execFileSync("umount", [data]);
    }
  });
});

describe("etcdctl", () => {
  it("adds a voter as a learner first", () => {
    assert.deepEqual(etcdctl.addLearner({ name: "d", peerUrl: "https://10.0.0.4:7380" }), [
      "member",
      "add",
      "d",
      "--learner",
      "--peer-urls=https://10.0.0.4:7380",
    ]);
  });

  it("takes values on standard input, never as words", () => {
    assert.deepEqual(etcdctl.put("/ha/g/policy"), ["put", "/ha/g/policy"]);
  });
});
