import assert from "node:assert/strict";
import { ip } from "../../../../../provider/agent/env/runtime/commands/ip";
import {
  gratuitousArp,
  inNetns,
  sendSegments,
} from "../../../../../provider/agent/env/runtime/commands/netns";

const network = {
  parent: "eth0",
  subnet: "10.77.0.0/24",
  address: "10.77.0.12",
  probeMac: "02:00:00:00:00:01",
  localMac: "02:00:00:00:00:02",
};

describe("command lines of the network", () => {
  it("wire a copy: its MAC first, then the neighbours that the change has flushed", () => {
    assert.deepEqual(
      ip.wire({ network, mac: "02:00:00:00:00:64", virtualIps: ["10.77.0.100", "10.77.0.101"] }),
      [
        "link set dev eth0 address 02:00:00:00:00:64",
        "address replace 10.77.0.101/24 dev eth0",
        "route replace 169.254.77.1/32 dev eth0",
        "neighbour replace 169.254.77.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent",
        "neighbour replace 10.77.0.12 lladdr 02:00:00:00:00:02 dev eth0 nud permanent",
      ],
    );
  });

  it("lead the probe to the copy that is here, whoever has the address on the wire", () => {
    assert.deepEqual(ip.wireProbe({ mac: "02:00:00:00:0f:64", virtualIps: ["10.77.0.100"] }), [
      "neighbour replace 10.77.0.100 lladdr 02:00:00:00:0f:64 dev ha-probe nud permanent",
    ]);
  });

  it("give the host's own clients a way and take it back", () => {
    const virtualIps = ["10.77.0.100", "fd00::100"];
    assert.deepEqual(ip.routeLocally({ network, mac: "02:00:00:00:00:64", virtualIps }), [
      "neighbour replace 10.77.0.100 lladdr 02:00:00:00:00:64 dev ha-local nud permanent",
      "route replace 10.77.0.100/32 dev ha-local src 10.77.0.12",
    ]);
    assert.deepEqual(ip.unroute(virtualIps), [
      "route delete 10.77.0.100/32 dev ha-local",
      "neighbour delete 10.77.0.100 dev ha-local",
      "neighbour delete 10.77.0.100 dev ha-probe",
    ]);
  });

  it("make the shims and raise them with the probe's table", () => {
    assert.deepEqual(ip.createShim({ parent: "eth0", shim: "ha-probe", mac: network.probeMac }), [
      "link add link eth0 name ha-probe address 02:00:00:00:00:01 type macvlan mode bridge",
    ]);
    assert.deepEqual(ip.raiseShims(network), [
      "address replace 169.254.77.1/32 dev ha-probe",
      "link set ha-probe up",
      "link set ha-local up",
      "route replace 10.77.0.0/24 dev ha-probe src 169.254.77.1 table 7077",
    ]);
    assert.deepEqual(ip.addProbeRule(), ["rule add from 169.254.77.1 lookup 7077 priority 7077"]);
  });

  it("run the host's programs in the namespace of the container, never in the host's", () => {
    assert.deepEqual(inNetns(4711, gratuitousArp("10.77.0.100")), [
      "nsenter",
      "--net=/proc/4711/ns/net",
      "arping",
      "-q",
      "-A",
      "-c",
      "1",
      "-I",
      "eth0",
      "10.77.0.100",
    ]);
    assert.throws(() => inNetns(1, ["ip"]), /1 is not the first process of a container/);
    assert.throws(() => inNetns(Number.NaN, ["ip"]), /NaN is not/);
  });

  it("send raw segments one by one, for both families", () => {
    assert.equal(
      sendSegments({ from: "10.77.0.100", to: "10.77.0.254", family: 4 }).join(" "),
      "socat -u -b 20 STDIN IP4-SENDTO:10.77.0.254:6,bind=10.77.0.100",
    );
    assert.equal(
      sendSegments({ from: "fd00::100", to: "fd00::1", family: 6 }).join(" "),
      "socat -u -b 20 STDIN IP6-SENDTO:[fd00::1]:6,bind=[fd00::100]",
    );
  });
});
