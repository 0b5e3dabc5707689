import assert from "node:assert/strict";
import {
  type CopySeen,
  type HostSeen,
  type Lack,
  lacksOf,
  parseHostAnswers,
} from "../../../../provider/agent/env/runtime/host-seen";

const network = {
  parent: "eth0",
  subnet: "10.77.0.0/24",
  address: "10.77.0.12",
  probeMac: "02:00:00:00:00:01",
  localMac: "02:00:00:00:00:02",
};
const mac = "02:00:00:00:00:64";

const copy: CopySeen = {
  container: "r1",
  virtualIps: ["10.77.0.100", "fd00::100"],
  mac,
  announced: true,
  inside: {
    arp: [
      "IP address       HW type     Flags       HW address            Mask     Device",
      "169.254.77.1     0x1         0x6         02:00:00:00:00:01     *        eth0",
      "10.77.0.12       0x1         0x6         02:00:00:00:00:02     *        eth0",
    ].join("\n"),
    routes: "Iface\tDestination\tGateway\neth0\t014DFEA9\t00000000\n",
    mac,
  },
};

/** What `ip` answers on a host where all is as it was made; each part may be given otherwise. */
function seen(change: { rules?: string; links?: object[]; neighbours?: object[]; routes?: object[] } = {}) {
  const shim = (ifname: string, address: string, local?: string) => ({
    ...{ ifname, link: "eth0", address, flags: ["BROADCAST", "UP"], operstate: "UP" },
    addr_info: local ? [{ local }] : [],
  });
  const {
    rules = '[{"priority":7077,"src":"169.254.77.1","table":"7077"}]',
    links = [shim("ha-probe", network.probeMac, "169.254.77.1"), shim("ha-local", network.localMac)],
    neighbours = ["ha-probe", "ha-local"].map((dev) => ({ dst: "10.77.0.100", dev, lladdr: mac })),
    routes = [
      { dst: "10.77.0.0/24", dev: "ha-probe", table: "7077" },
      { dst: "10.77.0.100", dev: "ha-local" },
    ],
  } = change;
  const ip = parseHostAnswers(
    [rules, ...[links, neighbours, routes].map((list) => JSON.stringify(list))]
      .map((one) => `${one}\n`)
      .join(""),
  );
  return { ip, settings: [], copies: [copy] } satisfies HostSeen;
}

const whats = (lacks: Lack[]) =>
  lacks.map(({ what, container }) => (container ? `${container}: ${what}` : what));
const lacking = (change: Parameters<typeof seen>[0]) => whats(lacksOf(network, seen(change)));
const lackingInside = (change: Partial<CopySeen>) =>
  whats(lacksOf(network, { ...seen(), copies: [{ ...copy, ...change }] }));

describe("What is missing of the host's own part", () => {
  it("is nothing where all is as it was made", () => assert.deepEqual(lacksOf(network, seen()), []));

  it("is the rule, the route of its table or both, as whoever manages the network by himself leaves it", () => {
    assert.deepEqual(lacking({ rules: "[ ]" }), ["the routing rule 7077"]);
    assert.deepEqual(lacking({ routes: [{ dst: "10.77.0.100", dev: "ha-local" }] }), [
      "the route in table 7077",
    ]);
  });

  it("is a shim that is gone, down, on another parent or under another MAC, and the probe's address", () => {
    const [probe, local] = seen().ip[1];
    assert.deepEqual(lacking({ links: [local!] }), [
      "the shim ha-probe",
      "the address 169.254.77.1 of ha-probe",
    ]);
    assert.deepEqual(lacking({ links: [probe!] }), ["the shim ha-local"]);
    assert.deepEqual(lacking({ links: [{ ...probe!, flags: [] }, local!] }), [
      "the shim ha-probe (it was set down)",
    ]);
    assert.deepEqual(lacking({ links: [{ ...probe!, link: "eth1" }, local!] }), ["the shim ha-probe"]);
    assert.deepEqual(lacking({ links: [probe!, { ...local!, address: mac }] }), ["the shim ha-local"]);
    assert.deepEqual(lacking({ links: [{ ...probe!, addr_info: [] }, local!] }), [
      "the address 169.254.77.1 of ha-probe",
    ]);
  });

  it("is nobody's to make where the group's interface has no link", () => {
    const [probe, local] = seen().ip[1];
    const down = { operstate: "LOWERLAYERDOWN" };
    const lacks = lacksOf(
      network,
      seen({
        links: [
          { ...probe!, ...down },
          { ...local!, ...down },
        ],
      }),
    );
    assert.deepEqual(
      lacks.map(({ mendable }) => mendable),
      [false, false],
    );
  });

  it("is a setting of a shim", () =>
    assert.deepEqual(whats(lacksOf(network, { ...seen(), settings: ["/proc/sys/x"] })), [
      "the setting /proc/sys/x",
    ]));

  it("is a neighbour entry of a container, or one with another copy's MAC, and the way of local clients", () => {
    const [probe, local] = seen().ip[2];
    assert.deepEqual(lacking({ neighbours: [local!] }), ["r1: the entry of 10.77.0.100 on ha-probe"]);
    assert.deepEqual(lacking({ neighbours: [{ ...probe!, lladdr: network.probeMac }, local!] }), [
      "r1: the entry of 10.77.0.100 on ha-probe",
    ]);
    const way = ["r1: the way of the host's own clients to 10.77.0.100"];
    assert.deepEqual(lacking({ neighbours: [probe!] }), way);
    assert.deepEqual(lacking({ routes: [seen().ip[3][0]!] }), way);
    // It is not to be reached here.
    const ip = seen({ routes: [seen().ip[3][0]!] }).ip;
    assert.deepEqual(lacksOf(network, { ip, settings: [], copies: [{ ...copy, announced: false }] }), []);
  });

  it("is what a container has inside: its MAC, its route and its permanent neighbours", () => {
    const inside = copy.inside!;
    const wanted = ["r1: the MAC or the neighbours inside r1"];
    assert.deepEqual(lackingInside({ inside: { ...inside, mac: network.probeMac } }), wanted);
    assert.deepEqual(lackingInside({ inside: { ...inside, routes: "Iface\tDestination\n" } }), wanted);
    assert.deepEqual(lackingInside({ inside: { ...inside, arp: inside.arp.replace("0x6", "0x2") } }), wanted);
    assert.deepEqual(lackingInside({ inside: { ...inside, arp: "IP address" } }), wanted);
    // Where the container shows no /sys, or has no process, nothing can be said.
    assert.deepEqual(lackingInside({ inside: { ...inside, mac: null } }), []);
    assert.deepEqual(lackingInside({ inside: null }), []);
  });
});
