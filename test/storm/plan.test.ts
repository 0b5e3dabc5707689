import assert from "node:assert/strict";
import { type Kind, type Planned, planStorm } from "./plan";

describe("the plan of a storm", () => {
  const hosts = ["ha1", "ha2", "ha3"];
  const containers = ["redis", "nginx", "node"];
  const plan = (seed: number, minutes = 30) => planStorm({ seed, minutes, hosts, containers });
  const endOf = (trouble: Planned) => trouble.at + ("forMs" in trouble ? trouble.forMs : 0);
  const seeds = Array.from({ length: 30 }, (_, index) => index + 1);

  it("follows from its seed alone", () => {
    assert.deepEqual(plan(1), plan(1));
    assert.notDeepEqual(plan(1), plan(2));
  });

  it("has every kind of trouble within half an hour, in the order of time and within its minutes", () => {
    const kinds: Record<Kind, true> = {
      "store-hiccup": true,
      "power-cut": true,
      isolation: true,
      kill: true,
      "disk-full": true,
      stress: true,
      move: true,
      drain: true,
      checkpoint: true,
      schedule: true,
      up: true,
    };
    for (const seed of seeds) {
      const { troubles } = plan(seed);
      assert.deepEqual(
        new Set(troubles.map(({ kind }) => kind)),
        new Set(Object.keys(kinds)),
        `seed ${seed}`,
      );
      assert.deepEqual(
        troubles.map(({ at }) => at),
        troubles.map(({ at }) => at).sort((a, b) => a - b),
      );
      assert.ok(troubles.at(-1)!.at < 30 * 60_000);
    }
  });

  it("runs the operator's program in each storm of a few minutes, with no host in trouble meanwhile", () => {
    for (const seed of seeds) {
      const { troubles } = plan(seed, 5);
      const up = troubles.find(({ kind }) => kind === "up");
      assert.ok(up, `seed ${seed}`);
      const beside = troubles.filter(
        (other) =>
          ["power-cut", "isolation", "drain"].includes(other.kind) &&
          endOf(other) > up.at &&
          other.at < up.at + 60_000,
      );
      assert.deepEqual(beside, [], `seed ${seed}`);
    }
  });

  it("never takes a second host, or the majority of voters twice, before the first is back", () => {
    for (const seed of seeds) {
      const { troubles } = plan(seed);
      for (const lane of [["power-cut", "isolation"], ["store-hiccup"], ["disk-full"], ["stress"]]) {
        const inLane = troubles.filter(({ kind }) => lane.includes(kind));
        for (const [index, one] of inLane.slice(1).entries())
          assert.ok(one.at > endOf(inLane[index]!), `seed ${seed}: ${JSON.stringify(one)}`);
      }
    }
  });

  it("checkpoints each container every 1 to 5 s, and takes the majority of voters for 0.3 to 3 s", () => {
    for (const seed of seeds) {
      const { intervalsMs, troubles } = plan(seed);
      const intervals = [
        ...Object.values(intervalsMs),
        ...troubles.flatMap((one) =>
          one.kind === "schedule"
            ? [one.intervalMs]
            : one.kind === "up"
              ? Object.values(one.intervalsMs)
              : [],
        ),
      ];
      assert.ok(intervals.every((ms) => ms >= 1_000 && ms <= 5_000));
      for (const one of troubles) {
        if (one.kind !== "store-hiccup") continue;
        assert.equal(new Set(one.hosts).size, 2);
        assert.ok(one.forMs >= 300 && one.forMs <= 3_000);
      }
    }
  });
});
