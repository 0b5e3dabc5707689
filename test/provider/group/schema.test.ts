import assert from "node:assert/strict";
import { UNKNOWN } from "../../../provider/frame/unknown";
import { haGroupHandlers } from "../../../provider/resources/ha-group";

const host = (name: string, last: number, more: object = {}) => ({
  name,
  address: `10.0.0.${last}`,
  ...more,
});
const three = [host("a", 1), host("b", 2), host("c", 3)];
const connection = { host: "10.0.0.1", hostKey: `SHA256:${"a".repeat(43)}`, password: "hunter22" };
const base = {
  name: "g",
  stack: "p/dev",
  hosts: three,
  connections: { a: connection, b: connection, c: connection },
};
const timings = { intervalMs: 100, leaseMs: 500, fenceMs: 620, etcdHeartbeatMs: 20, etcdElectionMs: 200 };

const pem = "-----BEGIN something-----";
const external = { endpoints: ["https://10.0.0.5:2379"], ca: pem, cert: pem, key: pem };

interface Case {
  title: string;
  news: Record<string, unknown>;
  reasons: string[];
}

const CASES: Case[] = [
  { title: "three hosts", news: {}, reasons: [] },
  {
    title: "two members and a witness",
    news: { hosts: [three[0], three[1], host("c", 3, { role: "witness" })] },
    reasons: [],
  },
  { title: "explicit timings that keep the inequality", news: { timings }, reasons: [] },
  { title: "an unknown key", news: { color: "red" }, reasons: ["color: unknown key"] },
  {
    title: "a wrong type deep inside",
    news: { hosts: [three[0], three[1], host("c", 3, { labels: { zone: 7 } })] },
    reasons: ["hosts[2].labels.zone: expected string, got 7"],
  },
  {
    title: "two members with an etcd that is there already",
    news: { hosts: three.slice(0, 2), etcd: { external } },
    reasons: [],
  },
  {
    title: "one host with an etcd that is there already",
    news: { hosts: three.slice(0, 1), etcd: { external } },
    reasons: ["hosts: expected at least two members, got 1"],
  },
  {
    title: "a witness beside an etcd that is there already",
    news: { hosts: [three[0], three[1], host("c", 3, { role: "witness" })], etcd: { external } },
    reasons: [
      'hosts[2].role: expected a member, got "witness": c would have nothing to do, as the group\'s etcd is external',
    ],
  },
  {
    title: "an etcd both its own and external",
    news: { etcd: { managed: true, external } },
    reasons: ["etcd: expected either managed or external, not both"],
  },
  {
    title: "an endpoint of etcd without TLS or port, and a key in the wrong form, which is not shown",
    news: { etcd: { external: { ...external, endpoints: ["http://10.0.0.5"], key: "hunter22" } } },
    reasons: [
      'etcd.external.endpoints[0]: expected an address such as "https://10.0.0.5:2379", got "http://10.0.0.5"',
      'etcd.external.key: expected the key of the client certificate in PEM form ("-----BEGIN ...")',
    ],
  },
  {
    title: "a state folder that a reboot would empty",
    news: { stateFolder: "/run/ha" },
    reasons: [
      'stateFolder: expected a folder that outlives a reboot, such as "/data/container-ha", its path of letters, digits, dots, dashes and underscores, got "/run/ha"',
    ],
  },
  { title: "no hosts", news: { hosts: [] }, reasons: ["hosts: expected at least three hosts, got none"] },
  {
    title: "two hosts without a witness",
    news: { hosts: three.slice(0, 2) },
    reasons: [
      'hosts: expected three hosts or more, got 2 hosts: two hosts cannot tell a crash from a cut, so add a witness (a Host with role "witness": any small machine, it runs only etcd)',
    ],
  },
  {
    title: "two hosts without a witness, whatever the failover policy: one voter of two decides nothing",
    news: { hosts: three.slice(0, 2), failover: "manual" },
    reasons: [
      'hosts: expected three hosts or more, got 2 hosts: two hosts cannot tell a crash from a cut, so add a witness (a Host with role "witness": any small machine, it runs only etcd)',
    ],
  },
  {
    title: "witnesses only",
    news: { hosts: three.map((entry) => ({ ...entry, role: "witness" })) },
    reasons: ["hosts: expected at least one member, got witnesses only"],
  },
  {
    title: "a host used twice",
    news: { hosts: [...three, three[1]] },
    reasons: ['hosts[3].name: expected each host once, got "b" again (it is hosts[1])'],
  },
  {
    title: "two hosts with one address",
    news: { hosts: [three[0], three[1], host("c", 1)] },
    reasons: ['hosts[2].address: expected an address of its own, got 10.0.0.1, which is that of "a"'],
  },
  {
    title: "a host whose name is etcd's administrator",
    news: {
      hosts: [three[0], three[1], host("root", 3)],
      connections: { a: connection, b: connection, root: connection },
    },
    reasons: [`hosts[2].name: expected another name: "root" is etcd's own administrator`],
  },
  { title: "a manual failover without a fencing command", news: { failover: "manual" }, reasons: [] },
  {
    title: "containers that are served on without a quorum",
    news: { onQuorumLoss: "failsafe" },
    reasons: [],
  },
  {
    title: "an unknown reaction to the loss of the quorum",
    news: { onQuorumLoss: "ignore" },
    reasons: ['onQuorumLoss: Invalid option: expected one of "freeze"|"failsafe", got "ignore"'],
  },
  {
    title: "a fencing command that names the host",
    news: {
      failover: "stonith-only",
      fencing: { command: ["/usr/local/sbin/off", "{host}"], required: true },
    },
    reasons: [],
  },
  {
    title: "stonith-only without a fencing command",
    news: { failover: "stonith-only" },
    reasons: [
      'fencing: expected a fencing command, as failover is "stonith-only": without one no container would ever be taken over',
    ],
  },
  {
    title: "a fencing command that does not say which host",
    news: { fencing: { command: ["poweroff"] } },
    reasons: [
      "fencing.command: expected {host} or {address} in one of its words, got none: it would switch off the same machine whichever host is to be fenced",
    ],
  },
  {
    title: "a fencing command without a program",
    news: { fencing: { command: [] } },
    reasons: ["fencing.command: expected a program and its arguments, got []"],
  },
  {
    title: "an unknown failover",
    news: { failover: "semi" },
    reasons: ['failover: Invalid option: expected one of "automatic"|"stonith-only"|"manual", got "semi"'],
  },
  {
    title: "timings that break the inequality",
    news: { timings: { ...timings, fenceMs: 500 } },
    reasons: ["timings.fenceMs: expected at least leaseMs * (1 + clockDrift) + 20 = 620, got 500"],
  },
  {
    title: "a lease shorter than three renewals",
    news: { timings: { ...timings, intervalMs: 200 } },
    reasons: ["timings.leaseMs: expected at least three intervals = 600, got 500"],
  },
  {
    title: "both a profile and timings",
    news: { profile: "fast", timings },
    reasons: ['timings: expected either profile or timings, got both (profile "fast")'],
  },
  {
    title: "a profile that does not exist",
    news: { profile: "slow" },
    reasons: ['profile: Invalid option: expected one of "fast"|"default", got "slow"'],
  },
  {
    title: "a member outside the subnet",
    news: { subnet: "10.0.0.0/31" },
    reasons: [
      "hosts[1].address: expected an address inside the group's subnet 10.0.0.0/31 (or set `interface`), got 10.0.0.2",
      "hosts[2].address: expected an address inside the group's subnet 10.0.0.0/31 (or set `interface`), got 10.0.0.3",
    ],
  },
  {
    title: "a subnet on an interface of its own",
    news: { subnet: "192.168.7.0/24", interface: "eth1" },
    reasons: [],
  },
  {
    title: "a subnet that is none",
    news: { subnet: "10.0.0.0" },
    reasons: ['subnet: expected a subnet such as 10.77.0.0/24, got "10.0.0.0"'],
  },
  {
    title: "a gateway outside the subnet",
    news: { subnet: "10.0.0.0/24", gateway: "10.0.1.1" },
    reasons: ["gateway: expected an address inside the subnet 10.0.0.0/24, got 10.0.1.1"],
  },
  {
    title: "one port for two things",
    news: { ports: { peer: 7379 } },
    reasons: ["ports.peer: expected a port of its own, got that of ports.etcdClient"],
  },
  {
    title: "a host without a connection",
    news: { connections: { a: connection, b: connection } },
    reasons: ['hosts[2]: expected a Host resource, got no connection for "c"'],
  },
  {
    title: "a connection that is wrong, without showing it",
    news: { connections: { ...base.connections, c: { ...connection, password: 1234567 } } },
    reasons: ["connections.c.password: expected string"],
  },
  {
    title: "an etcd that is neither its own nor external",
    news: { etcd: { managed: false } },
    reasons: ["etcd.managed: expected true, or external instead, got false"],
  },
  { title: "hosts that are not known yet", news: { hosts: UNKNOWN, connections: UNKNOWN }, reasons: [] },
  {
    title: "addresses that are not known yet are not duplicates",
    news: { hosts: three.map((entry) => ({ ...entry, address: UNKNOWN })), subnet: "10.0.0.0/24" },
    reasons: [],
  },
];

describe("the arguments of an HaGroup", () => {
  for (const { title, news, reasons } of CASES) {
    it(`${reasons.length === 0 ? "accept" : "refuse"} ${title}`, async () => {
      const { failures } = await haGroupHandlers.check({}, { ...base, ...news, __provider: "p" });
      assert.deepEqual(
        failures.map((failure) => failure.reason),
        reasons,
      );
    });
  }

  it("are filled with defaults", async () => {
    const { inputs } = await haGroupHandlers.check({}, { ...base, __provider: "p" });
    assert.equal(inputs.profile, "default");
    assert.deepEqual(inputs.ports, { etcdClient: 7379, etcdPeer: 7380, peer: 7381, heartbeat: 7382 });
  });
});
