import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import type { EtcdStore } from "../../../provider/agent/env/store";
import { skipBecause } from "../../support/skip";
import { until } from "../../support/until";
import { createAuthority } from "./support/certificates";
import { type EtcdCluster, etcdBinary, freePorts, startEtcd } from "./support/etcd";
import { startProxy } from "./support/frozen-proxy";
import { temporaryFolder } from "./support/generations";

const key = (name: string) => `/ha/test/${name}`;

describe("the group's records in a real etcd", function () {
  this.timeout(20_000);
  let etcd: EtcdCluster;
  let store: EtcdStore;

  before(async function () {
    if (!etcdBinary())
      skipBecause(this, "no etcd binary on the PATH, in CONTAINER_HA_ETCD or in the lab's root");
    etcd = await startEtcd(["ha1", "ha2", "ha3"]);
  });
  after(() => etcd?.stop());

  beforeEach(async () => {
    store = etcd.store();
    const old = [...(await store.read({ timeoutMs: 2000 })).keys()];
    if (old.length > 0) await committed({ compares: [], writes: old.map((name) => ({ delete: name })) });
  });
  afterEach(() => {
    for (const member of etcd.members) member.resume();
    store.close();
  });

  async function committed(txn: Parameters<EtcdStore["txn"]>[0]): Promise<number> {
    const outcome = await store.txn(txn, { timeoutMs: 2000 });
    assert.equal(outcome.result, "committed", JSON.stringify(outcome));
    return (outcome as { revision: number }).revision;
  }
  const put = (name: string, value: string) =>
    committed({ compares: [], writes: [{ put: key(name), value }] });
  const values = async (from = store) =>
    Object.fromEntries([...(await from.read({ timeoutMs: 2000 }))].map(([name, { value }]) => [name, value]));

  it("are read with the revision that a later compare-and-swap takes", async () => {
    const revision = await put("owner", "é1");
    const read = (await store.read()).get(key("owner"))!;
    assert.deepEqual(read, { value: "é1", modRevision: revision });
    const cas = {
      compares: [{ key: key("owner"), modRevision: revision }],
      writes: [{ put: key("owner"), value: "2" }],
    };
    assert.equal((await store.txn(cas)).result, "committed");
    assert.deepEqual(await store.txn(cas), { result: "refused" });
    assert.deepEqual(await values(), { [key("owner")]: "2" });
  });

  it("compare with absence and with a value, all or nothing", async () => {
    const create = { compares: [{ key: key("a"), modRevision: 0 }], writes: [{ put: key("a"), value: "1" }] };
    assert.equal((await store.txn(create)).result, "committed");
    assert.equal((await store.txn(create)).result, "refused");
    const both = (value: string) => ({
      compares: [
        { key: key("a"), value },
        { key: key("b"), modRevision: 0 },
      ],
      writes: [{ put: key("b"), value: "1" }, { delete: key("a") }],
    });
    assert.equal((await store.txn(both("wrong"))).result, "refused");
    assert.deepEqual(await values(), { [key("a")]: "1" });
    assert.equal((await store.txn(both("1"))).result, "committed");
    assert.deepEqual(await values(), { [key("b")]: "1" });
    const absent = { compares: [{ key: key("none"), value: "" }], writes: [{ put: key("c"), value: "1" }] };
    assert.equal((await store.txn(absent)).result, "refused");
  });

  it("are seen as they change elsewhere: new, changed, deleted, and deleted while another one is made", async () => {
    const other = etcd.store();
    try {
      await put("a", "1");
      await put("b", "1");
      assert.deepEqual(await values(other), { [key("a")]: "1", [key("b")]: "1" });
      await put("b", "2");
      assert.deepEqual(await values(other), { [key("a")]: "1", [key("b")]: "2" });
      await committed({ compares: [], writes: [{ delete: key("a") }, { put: key("c"), value: "3" }] });
      assert.deepEqual(await values(other), { [key("b")]: "2", [key("c")]: "3" });
      await committed({ compares: [], writes: [{ delete: key("b") }] });
      assert.deepEqual(await values(other), { [key("c")]: "3" });
    } finally {
      other.close();
    }
  });

  it("do not contain keys of other groups", async () => {
    const other = etcd.store({ group: "testing" });
    try {
      await other.txn({ compares: [], writes: [{ put: "/ha/testing/a", value: "1" }] }, { timeoutMs: 2000 });
      assert.deepEqual(await values(), {});
    } finally {
      other.close();
    }
  });

  it("cost only what changed", async () => {
    const proxy = await startProxy(etcd.members[0]!.endpoint);
    const observed = etcd.store({ endpoints: [proxy.address] });
    try {
      const writes = Array.from({ length: 100 }, (_, n) => ({
        put: key(`big${n}`),
        value: "x".repeat(5000),
      }));
      await committed({ compares: [], writes });
      const first = await observed.read({ timeoutMs: 2000 });
      const sent = proxy.sent();
      assert.ok(sent > 500_000);
      for (let n = 0; n < 10; n++) assert.equal(await observed.read({ timeoutMs: 2000 }), first);
      assert.ok(proxy.sent() - sent < 10_000, `${proxy.sent() - sent} bytes for ten reads of nothing new`);
    } finally {
      observed.close();
      await proxy.close();
    }
  });

  it("refuse a write that etcd itself rejects, with etcd's reason", async () => {
    const twice = [
      { put: key("a"), value: "1" },
      { put: key("a"), value: "2" },
    ];
    await assert.rejects(store.txn({ compares: [], writes: twice }), {
      message: /^etcd refused the write of \/ha\/test\/a, \/ha\/test\/a: .*duplicate key/,
    });
    assert.deepEqual(await values(), {});
  });

  it("leave the outcome of a write open when its member hangs", async () => {
    const [member] = etcd.members;
    const single = etcd.store({ endpoints: [member!.endpoint] });
    try {
      await values(single);
      await member!.pause();
      const write = { compares: [], writes: [{ put: key("a"), value: "1" }] };
      const outcome = await single.txn(write, { timeoutMs: 200 });
      assert.equal(outcome.result, "unknown");
      assert.match((outcome as { cause: string }).cause, /^127\.0\.0\.1:\d+: no reply in \d+ ms$/);
    } finally {
      single.close();
    }
  });

  it("may hold a write whose outcome was open only later, when the members that hung are back", async () => {
    const leader = await leaderAt();
    const others = etcd.members.filter((member) => member !== leader);
    const single = etcd.store({ endpoints: [leader.endpoint] });
    try {
      await values(single);
      for (const member of others) await member.pause();
      const write = { compares: [], writes: [{ put: key("late"), value: "1" }] };
      assert.equal((await single.txn(write, { timeoutMs: 150 })).result, "unknown");
      for (const member of others) member.resume();
      const isThere = async () =>
        (await store.read({ timeoutMs: 2000 }).catch(() => null))?.has(key("late")) ?? false;
      await until(isThere, "the late commit", 5000);
    } finally {
      single.close();
    }
  });

  it("are read from another member within one deadline when a member hangs, and written at the next try", async () => {
    await values();
    await put("a", "1");
    const leader = await leaderAt();
    const hanging = etcd.members.find((member) => member !== leader)!;
    const order = [hanging, ...etcd.members.filter((member) => member !== hanging)];
    const rotating = etcd.store({ endpoints: order.map(({ endpoint }) => endpoint) });
    try {
      await values(rotating);
      await hanging.pause();
      assert.equal((await rotating.read({ timeoutMs: 1000 })).get(key("a"))!.value, "1");
      const outcome = await rotating.txn({ compares: [], writes: [{ put: key("b"), value: "1" }] });
      assert.equal(outcome.result, "committed", JSON.stringify(outcome));
    } finally {
      rotating.close();
    }
  });

  it("are written through another member when one is not there at all", async () => {
    const [nobody] = await freePorts(1);
    const rotating = etcd.store({ endpoints: [`127.0.0.1:${nobody}`, etcd.members[0]!.endpoint] });
    try {
      const outcome = await rotating.txn(
        { compares: [], writes: [{ put: key("a"), value: "1" }] },
        { timeoutMs: 2000 },
      );
      assert.equal(outcome.result, "committed", JSON.stringify(outcome));
    } finally {
      rotating.close();
    }
  });

  it("tell that nothing was sent when no member is there", async () => {
    const [nobody] = await freePorts(1);
    const alone = etcd.store({ endpoints: [`127.0.0.1:${nobody}`] });
    try {
      const outcome = await alone.txn({ compares: [], writes: [{ put: key("a"), value: "1" }] });
      assert.equal(outcome.result, "unknown");
      assert.match(
        (outcome as { cause: string }).cause,
        /^not sent: no etcd endpoint answered .*ECONNREFUSED/,
      );
      await assert.rejects(
        alone.read(),
        /no etcd endpoint answered within 250 ms: 127\.0\.0\.1:\d+: .*ECONNREFUSED/,
      );
      alone.setEndpoints([etcd.members[1]!.endpoint]);
      assert.deepEqual(await values(alone), {});
    } finally {
      alone.close();
    }
  });

  it("come back over a new connection when the old one died without a word", async () => {
    const proxy = await startProxy(etcd.members[0]!.endpoint);
    const single = etcd.store({ endpoints: [proxy.address] });
    try {
      await values(single);
      proxy.freezeConnections();
      await assert.rejects(single.read(), /did not answer|no reply in 250 ms/);
      const answers = () =>
        single.read().then(
          () => true,
          () => false,
        );
      await until(answers, "an answer", 6000);
    } finally {
      single.close();
      await proxy.close();
    }
  });

  it("are not asked of an etcd with another authority, nor given to a client without a certificate", async () => {
    const folder = temporaryFolder();
    const other = createAuthority(folder, "other-ca").issue(folder, "ha1");
    const distrusting = etcd.store({ tls: { ...etcd.tls, ca: other.ca } });
    const stranger = etcd.store({ tls: { ...other, ca: etcd.tls.ca } });
    const misnamed = etcd.store({ serverName: "elsewhere.test" });
    try {
      await assert.rejects(distrusting.read({ timeoutMs: 2000 }), /certificate/);
      await assert.rejects(stranger.read({ timeoutMs: 2000 }), /unknown ca|ECONNRESET|closed/);
      await assert.rejects(misnamed.read({ timeoutMs: 2000 }), /altnames/);
      const outcome = await distrusting.txn({ compares: [], writes: [{ put: key("a"), value: "1" }] });
      assert.match((outcome as { cause: string }).cause, /^not sent: .*certificate/);
      assert.deepEqual(await values(), {});
    } finally {
      for (const each of [distrusting, stranger, misnamed]) each.close();
      rmSync(folder, { recursive: true });
    }
  });

  it("are not believed when a member answers from the past", async () => {
    const past = await startEtcd(["past"], etcd.authority);
    const moved = etcd.store();
    try {
      await put("a", "1");
      await values(moved);
      moved.setEndpoints([past.members[0]!.endpoint, etcd.members[0]!.endpoint]);
      assert.deepEqual(await values(moved), { [key("a")]: "1" });
      moved.setEndpoints([past.members[0]!.endpoint]);
      await assert.rejects(moved.read({ timeoutMs: 2000 }), /its answer is of revision 1, older than \d+/);
    } finally {
      moved.close();
      await past.stop();
    }
  });

  it("are not believed either when nothing but a refusal told how far the store is", async () => {
    const past = await startEtcd(["past"], etcd.authority);
    const moved = etcd.store();
    try {
      await put("a", "1");
      const create = {
        compares: [{ key: key("a"), modRevision: 0 }],
        writes: [{ put: key("a"), value: "2" }],
      };
      assert.equal((await moved.txn(create, { timeoutMs: 2000 })).result, "refused");
      moved.setEndpoints([past.members[0]!.endpoint]);
      await assert.rejects(moved.read({ timeoutMs: 2000 }), /its answer is of revision 1, older than \d+/);
    } finally {
      moved.close();
      await past.stop();
    }
  });

  it("are reached with new certificates after a reload, and with the old ones when the new ones are broken", async () => {
    const folder = temporaryFolder();
    const next = createAuthority(folder, "next-ca");
    const tls = etcd.authority.issue(folder, "ha1");
    const reloading = etcd.store({ tls });
    try {
      await values(reloading);
      writeFileSync(tls.cert, "-----BEGIN");
      assert.throws(() => reloading.reloadTls());
      await values(reloading);
      etcd.authority.issue(folder, "ha1");
      reloading.reloadTls();
      await values(reloading);
      next.issue(folder, "ha1");
      writeFileSync(tls.ca, etcd.authority.pem);
      reloading.reloadTls();
      await assert.rejects(reloading.read({ timeoutMs: 2000 }), /unknown ca|ECONNRESET|closed/);
    } finally {
      reloading.close();
      rmSync(folder, { recursive: true });
    }
  });

  it("move their leadership away from this host, to a voter only", async () => {
    const leader = await leaderAt();
    const target = etcd.members.find((member) => member !== leader)!;
    const own = etcd.store({ host: leader.name });
    const notLeading = etcd.store({ host: target.name });
    try {
      await notLeading.moveLeader(leader.name);
      await assert.rejects(own.moveLeader("ha9"), /cannot move etcd's leadership to ha9: it is no voter/);
      assert.equal((await leaderAt()).name, leader.name);
      await own.moveLeader(target.name);
      await until(async () => (await leaderAt()).name === target.name, "the new leader", 5000);
    } finally {
      own.close();
      notLeading.close();
    }
  });

  /** The member that leads, as it says itself. */
  async function leaderAt() {
    for (;;) {
      for (const member of etcd.members) if (await etcd.leads(member)) return member;
    }
  }
});
