import assert from "node:assert/strict";
import { interfaceWith, isClockDisciplined, subnetOf } from "../../../provider/preflight/facts";
import { sampleFacts } from "./sample-facts";

describe("the facts of a host", () => {
  it("are read from what the preflight script prints", () => {
    const facts = sampleFacts();
    assert.deepEqual(facts.os, { id: "debian", version: "13", name: "Debian GNU/Linux 13 (trixie)" });
    assert.deepEqual(facts.criu, { version: "4.1.1", works: true, problems: "" });
    assert.deepEqual(
      [facts.runc, facts.podman, facts.docker, facts.nft, facts.etcd, facts.systemd],
      ["1.1.15", "5.4.2", "26.1.5", "1.1.3", "3.5.16", "257"],
    );
    assert.deepEqual(
      [facts.memoryMb, facts.diskMb, facts.freeDiskMb, facts.root],
      [4096, 258020, 69626, true],
    );
  });

  it("leave out the loopback and the engines' bridges", () => {
    assert.deepEqual(sampleFacts().interfaces, [
      { name: "eth0", addresses: ["10.0.0.11/24", "fd00::11/64"] },
    ]);
  });

  it("say null for what is missing", () => {
    const facts = sampleFacts({ podman: null, criu: null, "criu.check": null, zstd: null, apt: null });
    assert.deepEqual([facts.podman, facts.criu, facts.criuPackages], [null, null, null]);
    assert.equal(facts.tools.includes("zstd"), false);
  });

  it("name the criu packages that apt could install, and from where", () => {
    const apt =
      "criu | 4.2.1-1 | http://mirror.example/debian sid/main amd64 Packages;criu | 4.1.1-1 | http://mirror.example/debian trixie/main amd64 Packages;";
    assert.deepEqual(sampleFacts({ apt }).criuPackages, [
      { version: "4.2.1-1", suite: "sid" },
      { version: "4.1.1-1", suite: "trixie" },
    ]);
  });

  const clocks: { title: string; changes: Record<string, string>; disciplined: boolean }[] = [
    { title: "no clock daemon", changes: {}, disciplined: true },
    { title: "systemd-timesyncd", changes: { clock: "systemd-timesyncd" }, disciplined: true },
    { title: "chrony as it is installed", changes: { clock: "chrony" }, disciplined: false },
    {
      title: "chrony that may slew by at most 1000 ppm",
      changes: { clock: "chrony", "chrony.maxslewrate": "1000" },
      disciplined: true,
    },
    {
      title: "chrony that may slew a lot",
      changes: { clock: "chrony", "chrony.maxslewrate": "83333.333" },
      disciplined: false,
    },
    { title: "a daemon whose slewing is not known", changes: { clock: "phc2sys" }, disciplined: false },
  ];
  for (const { title, changes, disciplined } of clocks) {
    it(`call the clock ${disciplined ? "disciplined" : "not disciplined"} with ${title}`, () => {
      assert.equal(isClockDisciplined(sampleFacts(changes)), disciplined);
    });
  }

  it("tell which interface and subnet carry an address", () => {
    assert.deepEqual(interfaceWith(sampleFacts(), "10.0.0.11"), { name: "eth0", subnet: "10.0.0.0/24" });
    assert.equal(interfaceWith(sampleFacts(), "10.0.0.12"), null);
  });

  for (const [address, subnet] of [
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["192.168.77.130/25", "192.168.77.128/25"],
    ["1.2.3.4/0", "0.0.0.0/0"],
    ["1.2.3.4/32", "1.2.3.4/32"],
  ] as const) {
    it(`put ${address} into the subnet ${subnet}`, () => assert.equal(subnetOf(address), subnet));
  }
});
