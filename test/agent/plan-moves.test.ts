import assert from "node:assert/strict";
import { planDrain, whereTo, whyMisplaced } from "../../provider/agent/plan-moves";
import type { GroupHost, PlacedContainer, PlacementInput, Rule } from "../../provider/contract";

const hosts: GroupHost[] = ["a", "b", "c"].map((name) => ({
  name,
  address: "10.0.0.1",
  role: "member",
  labels: {},
}));
const apart: Rule = {
  name: "apart",
  kind: "anti-affinity",
  containers: ["x", "y", "z"],
  matchLabels: {},
  topologyKey: "host",
  required: true,
  stack: "s",
};
const together: Rule = { ...apart, name: "together", kind: "affinity" };
const on = (places: Record<string, string>): PlacedContainer[] =>
  Object.entries(places).map(([name, host]) => ({ name, labels: {}, host }));
const inputOf = (places: Record<string, string>, change: Partial<PlacementInput> = {}): PlacementInput => ({
  hosts,
  rules: [],
  containers: on(places),
  ...change,
});
const fits = () => true;

describe("A drain", () => {
  it("spreads what ran on the host over the others, each seeing where those before it went", () => {
    const plan = planDrain(inputOf({ x: "a", y: "a" }, { rules: [apart] }), {
      from: "a",
      names: ["x", "y"],
      fits,
    });
    assert.deepEqual(plan, {
      moves: [
        { name: "x", to: "b" },
        { name: "y", to: "c" },
      ],
      stuck: [],
    });
  });

  it("names what has nowhere to go, for a rule or for want of memory", () => {
    const full = planDrain(inputOf({ x: "a" }), { from: "a", names: ["x"], fits: () => false });
    assert.deepEqual(full.stuck, [{ name: "x", because: "no host has room for x" }]);
    const ruled = planDrain(inputOf({ x: "a", y: "b", z: "c" }, { rules: [apart] }), {
      from: "a",
      names: ["x"],
      fits,
    });
    assert.match(ruled.stuck[0]!.because, /no host can take x: b breaks apart; c breaks apart/);
  });
});

describe("A container that must not stay where it is", () => {
  const move = (name: string, input: PlacementInput, standbys: string[] = []) => {
    const subject = input.containers.find((container) => container.name === name)!;
    return whyMisplaced(subject, input) === null ? null : whereTo(subject, input, { standbys, fits });
  };

  it("leaves a host in maintenance, for one that keeps a standby copy where it has no preference", () => {
    const input = inputOf(
      { x: "a" },
      { hosts: hosts.map((host) => ({ ...host, maintenance: host.name === "a" })) },
    );
    assert.equal(move("x", input), "b");
    assert.equal(move("x", input, ["c"]), "c");
    assert.equal(move("x", inputOf({ x: "a" })), null);
  });

  it("goes apart from the others with an earlier name, which stay", () => {
    const input = inputOf({ x: "a", y: "a" }, { rules: [apart] });
    assert.equal(move("x", input), null);
    assert.equal(move("y", input), "b");
  });

  it("gathers where the first by name is, though all are scattered", () => {
    const input = inputOf({ x: "b", y: "a", z: "c" }, { rules: [together] });
    assert.equal(move("x", input), null);
    assert.equal(move("y", input), "b");
  });

  it("stays where a rule is only preferred", () => {
    const input = inputOf({ x: "a", y: "a" }, { rules: [{ ...apart, required: false }] });
    assert.equal(move("y", input), null);
  });
});
