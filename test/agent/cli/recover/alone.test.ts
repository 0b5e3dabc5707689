import assert from "node:assert/strict";
import { aloneArgv } from "../../../../provider/agent/cli/recover/alone";
import { etcdUnit } from "../../../../provider/commands/etcd";

const ports = { etcdClient: 7379, etcdPeer: 7380, peer: 7381, heartbeat: 7382 };
const unit = etcdUnit({
  host: { name: "a", address: "10.0.0.1" },
  ports,
  timing: { etcdHeartbeatMs: 20, etcdElectionMs: 200 },
  realtime: true,
});

describe("the etcd that rebuilds a group", () => {
  it("is the voter's own command line, on a copy, reached by nobody else, and alone", () => {
    const argv = aloneArgv(unit, ports);
    for (const word of [
      "--name=a",
      "--data-dir=/var/lib/container-ha/etcd/rebuild",
      "--listen-client-urls=https://127.0.0.1:7379",
      "--listen-peer-urls=https://127.0.0.1:7380",
      "--advertise-client-urls=https://10.0.0.1:7379",
      "--client-cert-auth",
      "--snapshot-count=100",
      "--force-new-cluster",
    ])
      assert.ok(argv.includes(word), word);
    assert.ok(!argv.some((word) => /^--(data-dir=.*etcd|listen.*10\.0\.0\.1.*)$/.test(word)));
  });

  it("is not started from a unit that it does not understand", () => {
    assert.throws(() => aloneArgv("[Service]\n", ports), /has no command line/);
    assert.throws(() => aloneArgv("ExecStart=/usr/bin/etcd --config-file=x\n", ports), /has no --data-dir/);
  });
});
