import assert from "node:assert/strict";
import type { Change } from "../faults/judge";
import type { Workload, WorkloadClient } from "../workloads/workload";
import type { Span } from "./bounds";
import { hear, judgeContainer, type Known, see, type Watched, watchContainer } from "./container";

describe("the judgement of one container of a storm", () => {
  const client: WorkloadClient = {
    acknowledged: () => 0,
    remembered: async () => 0,
    stepsBack: () => [],
    reconnects: () => 0,
    longestGapMs: () => 0,
    faults: () => [],
    stop: async () => {},
  };
  const workload: Workload = {
    ...{ name: "redis", image: {}, command: [], envs: [], startPeriod: 1 },
    probe: { tcp: { port: 1 } },
    client: () => client,
  };
  const runs = (host: string, epoch: number, since: number): Change[] => [
    { type: "owner", host, epoch, phase: "RUNNING", gen: null, since },
  ];
  const movesTo = (to: string | null): Change => ({ type: "migration", to });
  const takes = (host: string, epoch: number, since: number): Change => ({
    ...{ type: "owner", host, epoch, since },
    phase: "RESTORING",
    gen: { epoch: 1, gen: epoch },
  });
  let container: Watched;
  beforeEach(async () => {
    container = watchContainer({ name: "redis", address: "10.0.0.1", workload });
    await container.watch.stop();
  });
  const judged = (changes: Change[], known: Partial<Known> = {}) =>
    judgeContainer(container, {
      ...{ changes, now: 60_000, isLast: false, happened: [], shortages: [] },
      ...known,
    });
  const silent = (...silences: Span[]) => {
    container.watch = { ...container.watch, silences: () => silences };
  };

  it("tells of a silence without a reason, with what its status said meanwhile", () => {
    hear(container, "RUNNING on ha1", 1_000);
    hear(container, "RESTORING on ha1", 10_500);
    silent({ from: 10_000, to: 11_500 }, { from: 20_000, to: 20_900 });
    const { dark } = judged(runs("ha1", 1, 0));
    assert.deepEqual(dark, [
      {
        ...{ container: "redis", from: 10_000, ms: 1_500, boundMs: 1_000, reasons: [] },
        status: ["RUNNING on ha1", "RESTORING on ha1"],
      },
    ]);
    assert.equal(container.count.longestDarkMs, 1_500);
  });

  it("allows a silence for what was done to it, and for the time in which processors were short", () => {
    silent({ from: 10_000, to: 12_000 });
    const host = { kind: "power-cut", host: "ha1", forMs: 5_000 } as const;
    const happened = [{ trouble: host, from: 10_000, to: 15_000 }];
    assert.deepEqual(judged(runs("ha1", 1, 0), { happened }).dark, []);
    assert.deepEqual(judged([], { shortages: [{ from: 10_100, to: 11_200 }] }).dark, []);
    assert.equal(judged([], { shortages: [{ from: 5_000, to: 9_000 }] }).dark.length, 1);
  });

  it("tells of a container that is RUNNING and stands still for more than 2 s", () => {
    see(container, "frozen", 10_000);
    see(container, "frozen", 11_900);
    see(container, null, 11_950);
    see(container, "in a ptrace stop", 20_000);
    see(container, null, 22_500);
    const { notExecuting } = judged(runs("ha1", 1, 0));
    assert.deepEqual(
      notExecuting.map(({ from, ms }) => ({ from, ms })),
      [{ from: 20_000, ms: 2_500 }],
    );
    see(container, "frozen", 50_000);
    assert.deepEqual(judged([]).notExecuting, []);
    const last = { changes: [], happened: [], shortages: [], now: 60_000, isLast: true };
    assert.equal(judgeContainer(container, last).notExecuting.length, 1);
  });

  it("counts moves, failovers and generations, and finds a beginning that is cold without need", () => {
    const committed: Change = {
      type: "generation",
      named: { epoch: 1, gen: 1, holders: ["ha1"], at: 5_000 },
    };
    const before = judged([...runs("ha1", 1, 0), committed, committed]);
    assert.deepEqual(before.lost, []);
    const moved = [movesTo("ha2"), takes("ha2", 2, 9_000), ...runs("ha2", 2, 9_100), movesTo(null)];
    assert.deepEqual(judged(moved).lost, []);
    assert.equal(judged(runs("ha3", 3, 20_000)).lost.length, 1);
    const { moves, failovers, generations } = container.count;
    assert.deepEqual({ moves, failovers, generations }, { moves: 1, failovers: 1, generations: 1 });
  });
});
