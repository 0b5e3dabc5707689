import assert from "node:assert/strict";
import fc from "fast-check";
import {
  engineName,
  keysOf,
  nameSchema,
  parkedMac,
  probeShim,
  realMac,
  shimMac,
} from "../../provider/contract";

describe("A name", () => {
  it("is fit for a file, a unit and a key, or refused", () => {
    for (const name of ["a", "db", "web-1", "0", "a".repeat(40)])
      assert.ok(nameSchema.safeParse(name).success, name);
    for (const name of ["", "-a", "a-", "A", "a_b", "a/b", "a.b", "ä", "a".repeat(41), "a b"])
      assert.ok(!nameSchema.safeParse(name).success, name);
  });

  it("is marked as ours in the engine", () => assert.equal(engineName("db"), "ha-db"));
});

describe("A MAC", () => {
  const names = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);

  it("is locally administered and unicast", () =>
    fc.assert(
      fc.property(names, names, (group, container) => {
        const mac = realMac(group, container);
        assert.match(mac, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
        assert.equal(Number.parseInt(mac.slice(0, 2), 16) & 3, 2);
      }),
    ));

  it("is the same on every host for what serves, and another on each for what is parked there", () => {
    assert.equal(realMac("g", "db"), realMac("g", "db"));
    const macs = [
      realMac("g", "db"),
      realMac("g", "web"),
      realMac("h", "db"),
      parkedMac("g", "db", "a"),
      parkedMac("g", "db", "b"),
      shimMac("g", "a", probeShim),
      shimMac("g", "b", probeShim),
    ];
    assert.equal(new Set(macs).size, macs.length);
  });
});

describe("The keys of a group", () => {
  const keys = keysOf("shop");

  it("lie below its prefix, each in the area that its writer may write", () => {
    assert.equal(keys.session("a"), "/ha/shop/host/a/session");
    assert.equal(keys.heartbeat("a"), "/ha/shop/host/a/hb");
    assert.equal(keys.fence("a", "s"), "/ha/shop/fence/a/s");
    assert.equal(keys.owner("db"), "/ha/shop/ct/db/owner");
    assert.ok(
      !keys.fence("a", "s").startsWith(keys.hosts),
      "members fence others, but never write below their host",
    );
  });

  it("of one group are never below another's prefix", () =>
    assert.ok(!keysOf("shop-2").policy.startsWith(keys.prefix)));
});
