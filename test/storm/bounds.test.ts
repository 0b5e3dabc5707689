import assert from "node:assert/strict";
import { boundOf, CALM_MS, type Happened, type Subject, storeOutages } from "./bounds";
import type { Trouble } from "./plan";

describe("how long a container may be without service in a storm", () => {
  const subject: Subject = {
    name: "redis",
    memoryMb: 0,
    owners: [{ at: 0, host: "ha1" }],
    holders: [{ at: 0, hosts: ["ha1", "ha2"] }],
  };
  const off = (host: string): Trouble => ({ kind: "power-cut", host, forMs: 5_000 });
  const happened = (trouble: Trouble, from: number, to = from): Happened => ({ trouble, from, to });
  const bound = (silence: [number, number], all: Happened[], of = subject) =>
    boundOf({ from: silence[0], to: silence[1] }, of, all).boundMs;
  const hiccup: Trouble = { kind: "store-hiccup", hosts: ["ha1", "ha2"], by: "stop", forMs: 2_000 };

  it("is a second where nothing was done to it", () => {
    assert.equal(bound([10_000, 11_500], []), CALM_MS);
    assert.equal(bound([10_000, 11_500], [happened(off("ha2"), 9_000, 14_000)]), CALM_MS);
    assert.equal(bound([90_000, 91_500], [happened(off("ha1"), 9_000, 14_000)]), CALM_MS);
  });

  it("is the length of a store outage and a second", () => {
    assert.equal(bound([10_500, 13_000], [happened(hiccup, 10_000, 12_000)]), 2_000 + CALM_MS);
  });

  it("is a failover's where its host died, and no more for what was done elsewhere at another time", () => {
    const died = bound([10_000, 12_000], [happened(off("ha1"), 10_000, 18_000)]);
    assert.ok(died > 2 * CALM_MS && died < 8_000, String(died));
    const before = happened({ kind: "kill", host: "ha3", process: "agent" }, 2_000);
    assert.equal(bound([10_000, 12_000], [before, happened(off("ha1"), 10_000, 15_000)]), died);
  });

  it("is longer where the host that takes over is met by something, too", () => {
    const died = happened(off("ha1"), 10_000, 15_000);
    const killed = happened({ kind: "kill", host: "ha2", process: "agent" }, 10_500);
    assert.ok(bound([10_000, 14_000], [died, killed]) > bound([10_000, 14_000], [died]));
    assert.equal(bound([10_000, 14_000], [killed]), CALM_MS);
  });

  it("lasts until its host is back where no other one holds its generation", () => {
    const alone = { ...subject, holders: [{ at: 0, hosts: ["ha1"] }] };
    assert.ok(bound([10_000, 45_000], [happened(off("ha1"), 10_000, 40_000)], alone) > 30_000);
  });

  it("follows the container to the host that it runs on by then", () => {
    const moved = { ...subject, owners: [...subject.owners, { at: 5_000, host: "ha2" }] };
    assert.equal(bound([10_000, 12_000], [happened(off("ha1"), 10_000, 15_000)], moved), CALM_MS);
    assert.ok(bound([10_000, 12_000], [happened(off("ha2"), 10_000, 15_000)], moved) > CALM_MS);
  });

  it("counts an outage of the store where one voter is off and another one is killed", () => {
    const killed = happened({ kind: "kill", host: "ha2", process: "etcd" }, 12_000);
    assert.deepEqual(storeOutages([happened(off("ha1"), 10_000, 15_000)]), []);
    assert.deepEqual(storeOutages([killed]), []);
    const [outage, ...others] = storeOutages([happened(off("ha1"), 10_000, 15_000), killed]);
    assert.deepEqual(others, []);
    assert.equal(outage!.from, 12_000);
  });
});
