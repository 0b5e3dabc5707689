import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { haGroupHandlers as group } from "../../provider/resources/ha-group";
import { closeAll } from "../../provider/ssh/pool";
import { labSuite } from "../support/lab";
import { leftovers } from "../support/leftovers";

type Values = Record<string, unknown>;

const PORT = 7379;

labSuite("an HaGroup on real hosts", { hosts: 5, timeoutMs: 240_000 }, (lab) => {
  let state: { id: string; outs: Values };

  /** Checked inputs of a group of these hosts. */
  async function inputs(names: string[], changes: Values = {}): Promise<Values> {
    const hosts = names.map((name) => lab.host(name));
    const { inputs: checked, failures } = await group.check(
      {},
      {
        name: "g",
        stack: "p/dev",
        hosts: hosts.map(({ name, address }) => ({ name, address })),
        connections: Object.fromEntries(
          hosts.map((host) => [
            host.name,
            {
              host: host.address,
              user: host.user,
              privateKey: readFileSync(host.privateKeyPath, "utf8"),
              hostKey: host.hostKey,
              perDialTimeout: 3,
              dialErrorLimit: 3,
            },
          ]),
        ),
        ...changes,
      },
    );
    assert.deepEqual(failures, []);
    return checked;
  }
  const three = ["ha1", "ha2", "ha3"];
  async function update(names: string[], changes: Values = {}): Promise<void> {
    const news = await inputs(names, changes);
    state = { id: state.id, ...(await group.update(state.id, { ...state.outs }, news)) };
  }
  /** etcdctl on a host, with that host's own certificate. */
  const etcdctl = (host: string, command: string) =>
    lab.tryExec(
      host,
      `etcdctl --endpoints=https://${lab.host("ha1").address}:${PORT},https://${lab.host("ha2").address}:${PORT} ` +
        "--cacert=/etc/container-ha/tls/ca.pem --cert=/etc/container-ha/tls/host.pem --key=/etc/container-ha/tls/host.key " +
        `--command-timeout=5s ${command} 2>&1`,
    );
  const etcdPid = (host: string) => lab.exec(host, "systemctl show -p MainPID --value container-ha-etcd");

  afterEach(closeAll);

  it("names the pair and the port that a firewall closes, and leaves the hosts untouched", async () => {
    await lab.exec(
      "ha2",
      `nft add table inet wall; nft add chain inet wall in '{ type filter hook input priority 0; }'; nft add rule inet wall in ip saddr ${lab.host("ha1").address} tcp dport 7380 drop`,
    );
    await assert.rejects(group.create(await inputs(three)), (error: Error) => {
      assert.match(
        error.message,
        new RegExp(`ha1 does not reach ha2 at ${lab.host("ha2").address} port 7380/tcp\\nOpen`),
      );
      assert.doesNotMatch(error.message, /ha3|ha2 does not/);
      return true;
    });
    await lab.exec("ha2", "nft delete table inet wall");
    assert.deepEqual(await leftovers(lab), []);
  });

  it("has an etcd with three voters", async () => {
    state = await group.create(await inputs(three));
    const { stdout } = await etcdctl("ha1", "member list");
    assert.equal(
      stdout
        .trim()
        .split("\n")
        .filter((line) => /, started, ha[123], .*, false$/.test(line)).length,
      3,
      stdout,
    );
    assert.deepEqual(state.outs.voters, three);
  });

  it("lets a host write its own records and the shared ones, and nothing else", async () => {
    const written = async (key: string) => (await etcdctl("ha1", `put ${key} x`)).stdout.trim();
    assert.equal(await written("/ha/g/host/ha1/info"), "OK");
    assert.equal(await written("/ha/g/ct/redis/owner"), "OK");
    assert.match(await written("/ha/g/host/ha2/info"), /permission denied/);
    assert.match(await written("/ha/g/policy"), /permission denied/);
    assert.match((await etcdctl("ha1", "get /ha/other/policy")).stdout, /permission denied/);
    assert.match((await etcdctl("ha1", "get /ha/g/policy")).stdout, /"group":"g"/);
    await etcdctl("ha1", "del /ha/g/ct/redis/owner");
  });

  it("refuses clients without a certificate, and keeps no administrator's certificate on a host", async () => {
    const address = `https://${lab.host("ha1").address}:${PORT}`;
    const { code } = await lab.tryExec("ha2", `curl -sk --max-time 5 ${address}/version`);
    assert.notEqual(code, 0);
    for (const host of three)
      assert.equal(await lab.exec(host, "find /run/container-ha -mindepth 1 ! -name etcd-checked"), "");
  });

  it("changes nothing when nothing has changed", async () => {
    const news = await inputs(three);
    assert.deepEqual(await group.diff(state.id, state.outs, news), {
      changes: false,
      replaces: [],
      deleteBeforeReplace: true,
    });
    const before = await Promise.all(three.map(etcdPid));
    await update(three);
    assert.deepEqual(await Promise.all(three.map(etcdPid)), before);
  });

  it("refuses a host that belongs to a group of another stack, and leaves it as it is", async () => {
    const before = await lab.exec("ha3", "cat /etc/container-ha/claim.json");
    const other = await inputs(["ha3", "ha4", "ha5"], { name: "other", stack: "p/prod" });
    await assert.rejects(
      group.create(other),
      /host ha3 belongs to group "g" of stack p\/dev; a host can be in one group only/,
    );
    assert.equal(await lab.exec("ha3", "cat /etc/container-ha/claim.json"), before);
    assert.equal(await lab.exec("ha4", "ls /etc/container-ha 2>/dev/null || true"), "");
  });

  it("takes a voter that lost its data out and in again", async () => {
    await lab.exec(
      "ha2",
      "systemctl stop container-ha-etcd; rm -rf /var/lib/container-ha/etcd; systemctl start container-ha-etcd",
    );
    const { props } = await group.read(state.id, state.outs);
    assert.deepEqual(props.voters, ["ha1", "ha3"]);
    assert.equal((await group.diff(state.id, props, await inputs(three))).changes, true);
    await update(three);
    assert.deepEqual((await group.read(state.id, state.outs)).props.voters, three);
  });

  it("grows to five voters and shrinks again, and takes everything off a host that left", async () => {
    await update(["ha1", "ha2", "ha3", "ha4", "ha5"]);
    assert.deepEqual((await group.read(state.id, state.outs)).props.voters, [
      "ha1",
      "ha2",
      "ha3",
      "ha4",
      "ha5",
    ]);
    await update(["ha2", "ha3", "ha4"]);
    assert.deepEqual((await group.read(state.id, state.outs)).props.voters, ["ha2", "ha3", "ha4"]);
    assert.deepEqual(
      (await leftovers(lab)).filter((line) => /ha1|ha5/.test(line)),
      [],
    );
    await update(three);
  });

  it("refuses to exchange most of its voters at once", async () => {
    const before = await lab.exec("ha1", "cat /etc/container-ha/group.json");
    await assert.rejects(
      update(["ha1", "ha4", "ha5"]),
      /hosts: expected at least 2 of the voters ha1, ha2, ha3 to stay, got ha1: exchange the hosts in several steps/,
    );
    assert.equal(await lab.exec("ha1", "cat /etc/container-ha/group.json"), before);
  });

  it("gets a new authority and new certificates while the old ones are still trusted", async () => {
    const authority = () => lab.exec("ha1", "openssl x509 -in /etc/container-ha/tls/host.pem -noout -issuer");
    const before = await authority();
    await update(three, { certificateRotation: 1 });
    assert.notEqual(await authority(), before);
    assert.equal(await lab.exec("ha1", "grep -c BEGIN /etc/container-ha/tls/ca.pem"), "2\n");
    assert.deepEqual((await group.read(state.id, state.outs)).props.quorum, true);
  });

  it("can be changed and looked at while a host is dead, and remembers who has to catch up", async () => {
    await lab.kill("ha3");
    await update(three, { certificateRotation: 1, profile: "fast" });
    assert.deepEqual(state.outs.behind, ["ha3"]);
    const { props } = await group.read(state.id, state.outs);
    assert.equal(props.quorum, true);
    await lab.start("ha3");
    await update(three, { certificateRotation: 1, profile: "fast" });
    assert.deepEqual(state.outs.behind, []);
    assert.match(await lab.exec("ha3", "cat /etc/container-ha/group.json"), /"leaseMs": [58]00/);
  });

  it("leaves an etcd of somebody else alone, and removes everything of its own", async () => {
    await lab.exec("ha1", "install -d -o etcd /var/lib/etcd && systemctl start etcd");
    await update(three, { certificateRotation: 1 });
    await group.delete(state.id, state.outs);
    assert.equal((await lab.exec("ha1", "systemctl is-active etcd")).trim(), "active");
    await lab.exec("ha1", "systemctl stop etcd");
    assert.deepEqual(await leftovers(lab), []);
    await group.delete(state.id, state.outs);
  });

  it("is deleted without a dead host only where that is allowed", async () => {
    state = await group.create(await inputs(three));
    // What comes next is another run of Pulumi.
    await closeAll();
    await lab.kill("ha3");
    await assert.rejects(
      group.delete(state.id, state.outs),
      /(cannot reach|lost the connection to) .*\n.*Bring ha3 back and run this again, or set `deleteUnreachable: true`/,
    );
    await group.delete(state.id, { ...state.outs, deleteUnreachable: true });
    await lab.start("ha3");
    await group.delete(state.id, state.outs);
    assert.deepEqual(await leftovers(lab), []);
  });
});
