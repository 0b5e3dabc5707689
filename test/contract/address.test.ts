import assert from "node:assert/strict";
import { cidrSchema, contains, ipSchema, parseCidr } from "../../provider/contract";

describe("An address", () => {
  it("is inside a subnet or not, in both families", () => {
    assert.ok(contains("10.77.0.0/24", "10.77.0.255"));
    assert.ok(!contains("10.77.0.0/24", "10.77.1.0"));
    assert.ok(contains("fd00::/64", "fd00::1"));
    assert.ok(!contains("fd00::/64", "10.77.0.1"));
    assert.ok(!contains("10.77.0.0/24", "fd00::1"));
  });

  it("is not in what is no subnet", () => {
    assert.ok(!contains("10.77.0.0", "10.77.0.1"));
    assert.ok(!contains("10.77.0.0/24", "web"));
  });

  it("is refused where it is none", () => {
    for (const text of ["10.0.0.0.1", "10.0.0.256", "web", "", "10.0.0.1/24"])
      assert.ok(!ipSchema.safeParse(text).success, text);
    for (const text of ["10.0.0.1", "fd00::1"]) assert.ok(ipSchema.safeParse(text).success, text);
  });
});

describe("A subnet", () => {
  it("has an address and as many bits as its family allows", () => {
    assert.deepEqual(parseCidr("10.77.0.0/24"), { network: "10.77.0.0", prefix: 24, family: "ipv4" });
    assert.deepEqual(parseCidr("fd00::/64"), { network: "fd00::", prefix: 64, family: "ipv6" });
    for (const text of ["10.77.0.0/33", "fd00::/129", "10.77.0/24", "10.77.0.0/-1", "/24", "10.77.0.0/24x"])
      assert.ok(!cidrSchema.safeParse(text).success, text);
  });
});
