import assert from "node:assert/strict";
import {
  armCommands,
  closeAllCommands,
  configureCommands,
  createCommands,
  dropCommands,
  flipCommands,
  gateRules,
  listCommand,
} from "../../../provider/agent/lease/rules";

const M1 = "02:00:00:00:00:01";
const M2 = "02:00:00:00:00:02";

describe("the commands of the gate", () => {
  it("make the table of prototypes/gate-mac.nft on the group's interface", () => {
    assert.equal(gateRules({ interface: "eth0" }), RULES);
  });

  it("make it a table that nobody else may change, where that is known", () => {
    const [first, ...others] = createCommands({ interface: "eth0", owned: true });
    assert.equal(first, "add table netdev ha_gate { flags owner, persist; }");
    assert.deepEqual(others, createCommands({ interface: "eth0" }).slice(1));
  });

  it("can be repeated over a gate in use: they empty neither sets nor maps", () => {
    assert.deepEqual(
      createCommands({ interface: "eth0" }).filter((command) =>
        /^(delete|destroy|flush (?!chain))/.test(command),
      ),
      [],
    );
  });

  it("answer nothing: what is closed is dropped, whoever owns it", () => {
    assert.deepEqual(
      createCommands({ interface: "eth0" }).filter((command) => /\b(reject|fwd|dup|queue)\b/.test(command)),
      [],
    );
  });

  it("arm with add, delete, add, the refresh that works on every kernel", () => {
    assert.deepEqual(armCommands("a", [M1, M2], 500), [
      `add element netdev ha_gate ta { ${M1} timeout 500ms, ${M2} timeout 500ms }`,
      `delete element netdev ha_gate ta { ${M1}, ${M2} }`,
      `add element netdev ha_gate ta { ${M1} timeout 500ms, ${M2} timeout 500ms }`,
    ]);
    assert.deepEqual(armCommands("b", [], 500), []);
  });

  it("flip by replacing both maps in one batch", () => {
    assert.deepEqual(flipCommands("b", [M1, M2]), [
      "flush map netdev ha_gate gin",
      "flush map netdev ha_gate gout",
      `add element netdev ha_gate gin { ${M1} : jump inb, ${M2} : jump inb }`,
      `add element netdev ha_gate gout { ${M1} : jump outb, ${M2} : jump outb }`,
    ]);
    assert.deepEqual(flipCommands("a", []), closeAllCommands());
  });

  it("close all by emptying the maps, and remove the table whether it is there or not", () => {
    assert.deepEqual(closeAllCommands(), ["flush map netdev ha_gate gin", "flush map netdev ha_gate gout"]);
    assert.deepEqual(dropCommands(), ["add table netdev ha_gate", "delete table netdev ha_gate"]);
    assert.deepEqual(dropCommands({ owned: true }), [
      "add table netdev ha_gate { flags owner, persist; }",
      "delete table netdev ha_gate",
    ]);
    assert.equal(listCommand(), "list table netdev ha_gate");
  });

  it("replace the sets of MACs", () => {
    assert.deepEqual(configureCommands({ protected: [M1, M2], here: [], probe: [M2] }), [
      "flush set netdev ha_gate prot",
      `add element netdev ha_gate prot { ${M1}, ${M2} }`,
      "flush set netdev ha_gate here",
      "flush set netdev ha_gate probe",
      `add element netdev ha_gate probe { ${M2} }`,
    ]);
  });

  for (const bad of [
    "",
    "02:00:00:00:00",
    "02:00:00:00:00:0G",
    `${M1} } ; flush ruleset`,
    "02:00:00:00:00:AA",
  ]) {
    it(`are not made for ${JSON.stringify(bad)}, which is no MAC`, () => {
      assert.throws(() => armCommands("a", [bad], 500), /expected a MAC/);
      assert.throws(() => flipCommands("a", [bad]), /expected a MAC/);
      assert.throws(() => configureCommands({ protected: [bad], here: [], probe: [] }), /expected a MAC/);
    });
  }

  it("are not made for a lease that an old kernel would take for none", () => {
    for (const ms of [49, 0, -1, 500.5, Number.NaN]) {
      assert.throws(() => armCommands("a", [M1], ms), /at least 50, to arm, got/);
    }
  });

  it("are not made for what is no interface", () => {
    assert.throws(
      () => gateRules({ interface: 'eth0"; flush ruleset' }),
      /expected the name of a network interface/,
    );
  });
});

const RULES = `add table netdev ha_gate
add set netdev ha_gate prot { type ether_addr; }
add set netdev ha_gate here { type ether_addr; }
add set netdev ha_gate probe { type ether_addr; }
add set netdev ha_gate ta { type ether_addr; flags timeout; }
add set netdev ha_gate tb { type ether_addr; flags timeout; }
add set netdev ha_gate syns { type ipv4_addr . inet_service . ipv4_addr . inet_service; size 1024; flags dynamic,timeout; timeout 2000ms; }
add map netdev ha_gate gin { type ether_addr : verdict; }
add map netdev ha_gate gout { type ether_addr : verdict; }
add chain netdev ha_gate note
add chain netdev ha_gate ina
add chain netdev ha_gate inb
add chain netdev ha_gate outa
add chain netdev ha_gate outb
add chain netdev ha_gate tocontainer
add chain netdev ha_gate fromcontainer
add chain netdev ha_gate ingress_to { type filter hook ingress device "eth0" priority -400; policy accept; }
add chain netdev ha_gate ingress_from { type filter hook ingress device "eth0" priority -399; policy accept; }
add chain netdev ha_gate egress { type filter hook egress device "eth0" priority -400; policy accept; }
flush chain netdev ha_gate note
flush chain netdev ha_gate ina
flush chain netdev ha_gate inb
flush chain netdev ha_gate outa
flush chain netdev ha_gate outb
flush chain netdev ha_gate tocontainer
flush chain netdev ha_gate fromcontainer
flush chain netdev ha_gate ingress_to
flush chain netdev ha_gate ingress_from
flush chain netdev ha_gate egress
add rule netdev ha_gate note tcp flags & (syn | ack) == syn add @syns { ip daddr . tcp dport . ip saddr . tcp sport }
add rule netdev ha_gate ina ether daddr @ta accept
add rule netdev ha_gate ina jump note
add rule netdev ha_gate ina drop
add rule netdev ha_gate inb ether daddr @tb accept
add rule netdev ha_gate inb jump note
add rule netdev ha_gate inb drop
add rule netdev ha_gate outa ether saddr @ta accept
add rule netdev ha_gate outa drop
add rule netdev ha_gate outb ether saddr @tb accept
add rule netdev ha_gate outb drop
add rule netdev ha_gate tocontainer ether saddr @probe accept
add rule netdev ha_gate tocontainer ether daddr vmap @gin
add rule netdev ha_gate tocontainer jump note
add rule netdev ha_gate tocontainer drop
add rule netdev ha_gate fromcontainer ether daddr @probe accept
add rule netdev ha_gate fromcontainer ether saddr vmap @gout
add rule netdev ha_gate fromcontainer drop
add rule netdev ha_gate ingress_to ether daddr @prot jump tocontainer
add rule netdev ha_gate ingress_from ether saddr @here jump fromcontainer
add rule netdev ha_gate egress ether daddr @prot jump note
add rule netdev ha_gate egress ether saddr @prot jump fromcontainer
`;
