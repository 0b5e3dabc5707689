import assert from "node:assert/strict";
import type { GroupHost } from "../../../provider/contract";
import { groupConfigOf, type PolicyRequest, policyOf } from "../../../provider/group/policy";
import type { NetworkFacts } from "../../../provider/preflight/facts";

const host = (name: string, last: number, role: GroupHost["role"] = "member"): GroupHost => ({
  name,
  address: `10.0.0.${last}`,
  role,
  labels: {},
});
const facts = (last: number, changes: Partial<NetworkFacts> = {}): NetworkFacts => ({
  interfaces: [{ name: "eth0", addresses: [`10.0.0.${last}/24`] }],
  clock: { discipline: "timesyncd", maxSlewPpm: null },
  ...changes,
});
const request: PolicyRequest = {
  name: "g",
  hosts: [host("a", 1), host("b", 2), host("w", 3, "witness")],
  profile: "fast",
  failover: "automatic",
  ports: { etcdClient: 7379, etcdPeer: 7380, peer: 7381, heartbeat: 7382 },
  etcd: {},
};
const known = (changes: Record<string, NetworkFacts> = {}) =>
  new Map(Object.entries({ a: facts(1), b: facts(2), w: facts(3), ...changes }));

describe("the policy of a group", () => {
  it("names an etcd elsewhere, whose certificates carry the names of its endpoints", () => {
    const external = { endpoints: ["https://10.9.0.5:2379", "https://etcd.example:2379"] };
    const policy = policyOf({ ...request, etcd: { external } }, known());
    assert.equal(policy.etcd, "external");
    assert.deepEqual(policy.etcdEndpoints, ["10.9.0.5:2379", "etcd.example:2379"]);
    assert.ok(!("etcdServerName" in groupConfigOf(policy, "a")));
  });

  it("takes interface and subnet from the members' addresses, and etcd from the voters", () => {
    const policy = policyOf(request, known());
    assert.deepEqual(
      [policy.interface, policy.subnet, policy.etcdEndpoints],
      ["eth0", "10.0.0.0/24", ["10.0.0.3:7379", "10.0.0.1:7379", "10.0.0.2:7379"]],
    );
  });

  it("names what becomes of containers without a quorum only where they do not freeze", () => {
    assert.equal("onQuorumLoss" in policyOf({ ...request, onQuorumLoss: "freeze" }, known()), false);
    assert.equal("onQuorumLoss" in policyOf(request, known()), false);
    assert.equal(policyOf({ ...request, onQuorumLoss: "failsafe" }, known()).onQuorumLoss, "failsafe");
  });

  it("uses the short fast timings where every member's clock is disciplined", () => {
    assert.equal(policyOf(request, known()).timing.fenceMs, 560);
  });

  it("uses the longer fast timings where one member's clock may slew", () => {
    const slewing = facts(2, { clock: { discipline: "chrony", maxSlewPpm: null } });
    assert.equal(policyOf(request, known({ b: slewing })).timing.fenceMs, 1000);
  });

  it("uses the longer fast timings where one member did not answer", () => {
    const some = known();
    some.delete("b");
    assert.equal(policyOf(request, some).timing.fenceMs, 1000);
  });

  it("does not care for the clock and the network of a witness", () => {
    const other = facts(3, {
      interfaces: [{ name: "ens3", addresses: ["10.0.0.3/8"] }],
      clock: { discipline: "unknown", maxSlewPpm: null },
    });
    assert.equal(policyOf(request, known({ w: other })).timing.fenceMs, 560);
  });

  const reasons: [string, Record<string, NetworkFacts>, RegExp][] = [
    ["no clock is slewed by much", {}, /^profile fast at its shortest, .* \(a timesyncd, b timesyncd\)$/],
    [
      "chrony is limited",
      { b: facts(2, { clock: { discipline: "chrony", maxSlewPpm: 1000 } }) },
      /^profile fast at its shortest/,
    ],
    [
      "chrony is not limited",
      { b: facts(2, { clock: { discipline: "chrony", maxSlewPpm: null } }) },
      /^profile fast with a lease of 800 ms instead of 500 ms: chrony on b has no maxslewrate \(set `maxslewrate 1000`/,
    ],
    [
      "chrony's limit is too high",
      { b: facts(2, { clock: { discipline: "chrony", maxSlewPpm: 5000 } }) },
      /chrony on b has maxslewrate 5000/,
    ],
    [
      "a clock daemon is not known",
      { a: facts(1, { clock: { discipline: "unknown", maxSlewPpm: null } }) },
      /: a has more than one clock daemon, or one whose slewing is not known$/,
    ],
  ];
  for (const [title, changes, reason] of reasons) {
    it(`says why its fast timings are these where ${title}`, () => {
      assert.match(policyOf(request, known(changes)).timingReason!, reason);
    });
  }

  it("takes explicit timings as they are", () => {
    const timings = { ...policyOf(request, known()).timing, fenceMs: 900 };
    assert.equal(policyOf({ ...request, timings }, known()).timing.fenceMs, 900);
  });

  const two = [
    { name: "eth0", addresses: ["10.0.0.1/24"] },
    { name: "eth1", addresses: ["192.168.7.1/24"] },
  ];
  it("takes the subnet of a declared interface", () => {
    const all = known({ a: facts(1, { interfaces: two }), b: facts(2, { interfaces: two }) });
    const policy = policyOf({ ...request, interface: "eth1" }, all);
    assert.deepEqual([policy.interface, policy.subnet], ["eth1", "192.168.7.0/24"]);
  });

  const refused: {
    title: string;
    request?: Partial<PolicyRequest>;
    facts?: Record<string, NetworkFacts>;
    error: RegExp;
  }[] = [
    {
      title: "an interface that a member does not have",
      request: { interface: "eth1" },
      error: /^interface: host a has no interface eth1 that is up \(it has eth0\)$/,
    },
    {
      title: "members whose interfaces have different names",
      facts: { b: facts(2, { interfaces: [{ name: "ens3", addresses: ["10.0.0.2/24"] }] }) },
      error: /networks differ: a has eth0 in 10\.0\.0\.0\/24, b has ens3 in 10\.0\.0\.0\/24/,
    },
    {
      title: "a member whose address is on no interface",
      facts: { b: facts(9) },
      error: /no interface of host b carries its address 10\.0\.0\.2 \(it has eth0\)/,
    },
    {
      title: "a gateway outside the subnet that was found",
      request: { gateway: "10.9.0.1" },
      error: /^gateway: expected an address inside 10\.0\.0\.0\/24, got 10\.9\.0\.1$/,
    },
  ];
  for (const { title, request: changes, facts: changed, error } of refused) {
    it(`refuses ${title}`, () => {
      assert.throws(() => policyOf({ ...request, ...changes }, known(changed)), { message: error });
    });
  }
});
