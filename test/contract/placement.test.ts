import assert from "node:assert/strict";
import {
  type GroupHost,
  type PlacedContainer,
  place,
  type Rule,
  ruleCanBeMet,
  ruleHolds,
} from "../../provider/contract";

function hostsIn(zones: Record<string, string>): GroupHost[] {
  return Object.entries(zones).map(([name, zone], index) => ({
    name,
    address: `10.0.0.${index + 1}`,
    role: "member",
    labels: zone ? { zone } : ({} as Record<string, string>),
  }));
}

function container(name: string, host: string | null, more: Partial<PlacedContainer> = {}): PlacedContainer {
  return { name, labels: {}, host, ...more };
}

function rule(change: Partial<Rule> = {}): Rule {
  return {
    name: "apart",
    kind: "anti-affinity",
    containers: ["one", "two", "three"],
    matchLabels: {},
    topologyKey: "host",
    required: true,
    stack: "s",
    ...change,
  };
}

const hosts = hostsIn({ a: "z1", b: "z1", c: "z2" });

function candidates(
  subject: PlacedContainer,
  input: { rules?: Rule[]; containers?: PlacedContainer[]; hosts?: GroupHost[] },
) {
  const placement = place(subject, { hosts, rules: [], containers: [], ...input });
  return placement.ok ? placement.candidates : placement.reason;
}

describe("Placement", () => {
  it("prefers the preferred host, then the emptiest, then the first by name", () => {
    assert.deepEqual(candidates(container("one", null), {}), ["a", "b", "c"]);
    const others = [container("x", "a"), container("y", "a"), container("z", "b")];
    assert.deepEqual(candidates(container("one", null), { containers: others }), ["c", "b", "a"]);
    assert.deepEqual(candidates(container("one", null, { preferredHost: "a" }), { containers: others }), [
      "a",
      "c",
      "b",
    ]);
  });

  it("never uses a witness", () => {
    const withWitness = hosts.map((host) =>
      host.name === "a" ? { ...host, role: "witness" as const } : host,
    );
    assert.deepEqual(candidates(container("one", null), { hosts: withWitness }), ["b", "c"]);
  });

  it("leaves out hosts that would break a required rule, by host or by label", () => {
    const containers = [container("two", "a")];
    assert.deepEqual(candidates(container("one", null), { rules: [rule()], containers }), ["b", "c"]);
    assert.deepEqual(
      candidates(container("one", null), { rules: [rule({ topologyKey: "zone" })], containers }),
      ["c"],
    );
    const together = rule({ kind: "affinity", topologyKey: "zone" });
    assert.deepEqual(candidates(container("one", null), { rules: [together], containers }), ["b", "a"]);
  });

  it("puts hosts that would break a preferred rule last, even the preferred host", () => {
    const preferred = rule({ required: false });
    const subject = container("one", null, { preferredHost: "a" });
    assert.deepEqual(candidates(subject, { rules: [preferred], containers: [container("two", "a")] }), [
      "b",
      "c",
      "a",
    ]);
  });

  it("ignores the container itself, those that run nowhere, and rules that do not concern it", () => {
    const containers = [container("one", "a"), container("two", null)];
    assert.deepEqual(candidates(container("one", "a"), { rules: [rule()], containers }), ["a", "b", "c"]);
    const others = rule({ containers: ["x", "y"] });
    assert.deepEqual(
      candidates(container("one", null), { rules: [others], containers: [container("x", "a")] }),
      ["b", "c", "a"],
    );
  });

  it("finds containers by all of the labels that a rule names", () => {
    const byLabel = rule({ containers: [], matchLabels: { tier: "db", shop: "eu" } });
    const labels = { tier: "db", shop: "eu" };
    const containers = [container("x", "a", { labels }), container("y", "b", { labels: { tier: "db" } })];
    assert.deepEqual(candidates(container("one", null, { labels }), { rules: [byLabel], containers }), [
      "c",
      "b",
    ]);
  });

  it("takes a host without the topology key for one that breaks the rule", () => {
    const unlabelled = hostsIn({ a: "", b: "z1" });
    const byZone = rule({ topologyKey: "zone" });
    assert.deepEqual(candidates(container("one", null), { rules: [byZone], hosts: unlabelled }), ["b"]);
  });

  it("says which rule each host would break when none is left, and when no member is live", () => {
    const containers = [container("two", "a"), container("three", "c")];
    const byZone = rule({ topologyKey: "zone" });
    assert.equal(
      candidates(container("one", null), { rules: [byZone], containers }),
      "no host can take one: a breaks apart; b breaks apart; c breaks apart",
    );
    assert.equal(candidates(container("one", null), { hosts: [] }), "no live member can take one");
  });
});

describe("Whether a rule holds", () => {
  const holds = (one: string, two: string, change: Partial<Rule> = {}) =>
    ruleHolds(rule(change), { hosts, rules: [], containers: [container("one", one), container("two", two)] });

  it("depends on where its containers run", () => {
    assert.ok(holds("a", "b").met);
    assert.ok(!holds("a", "a").met);
    assert.ok(!holds("a", "b", { topologyKey: "zone" }).met);
    assert.ok(holds("a", "b", { kind: "affinity", topologyKey: "zone" }).met);
    assert.ok(!holds("a", "c", { kind: "affinity", topologyKey: "zone" }).met);
  });

  it("is said in a sentence", () =>
    assert.equal(holds("a", "a").sentence, "broken: keeps apart by host: one on a, two on a"));

  it("can be known to be impossible before anything runs", () => {
    assert.ok(ruleCanBeMet(rule(), 3, hosts).ok);
    assert.ok(ruleCanBeMet(rule({ topologyKey: "zone", required: false }), 3, hosts).ok);
    const answer = ruleCanBeMet(rule({ topologyKey: "zone" }), 3, hosts);
    assert.ok(!answer.ok);
    assert.match(
      answer.reason,
      /rule apart keeps 3 containers apart by zone, but .* only 2 different values/,
    );
  });
});
