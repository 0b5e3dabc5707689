import assert from "node:assert/strict";
import { certificateFault } from "../../../provider/agent/env/certificate-fault";
import { ensureTrust } from "../../../provider/certificates/trust";

const trustOf = (group: string) =>
  ensureTrust(
    { group, hosts: ["a", "b"].map((name, n) => ({ name, address: `10.0.0.${n + 1}` })), rotation: 0 },
    undefined,
  );
const DAY_MS = 86_400_000;

describe("A host's certificate", () => {
  const shop = trustOf("shop");
  const other = trustOf("other");
  const now = Date.now();
  const fault = (cert: string, ca: string, at = now) =>
    certificateFault({ cert, ca }, { host: "a", now: at });
  const ca = shop.authorities[0]!.cert;

  it("of this group and host has no fault", () => {
    assert.equal(fault(shop.hosts.a!.cert, ca), null);
    assert.equal(fault(shop.hosts.a!.cert, `${other.authorities[0]!.cert}\n${ca}`), null);
  });

  it("of another group is told with both authorities", () => {
    assert.match(
      fault(other.hosts.a!.cert, ca)!,
      /^the certificate here was issued by .*other.*, which is none of the authorities that this host trusts \(.*shop.*\): it is of another group/,
    );
  });

  it("of another host is told", () => {
    assert.match(fault(shop.hosts.b!.cert, ca)!, /^the certificate here is that of host b, not of a/);
  });

  it("that has ended is told with the time and what renews it", () => {
    assert.match(
      fault(shop.hosts.a!.cert, ca, now + 366 * DAY_MS)!,
      /^the certificate of a ended at \d{4}-.*Z, so neither etcd nor the other hosts accept this one; "pulumi up" renews it$/,
    );
  });

  it("that begins later than the host's clock says is told", () => {
    assert.match(
      fault(shop.hosts.a!.cert, ca, now - 3 * DAY_MS)!,
      /later than this host's clock says: set the clock$/,
    );
  });
});
