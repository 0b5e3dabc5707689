import assert from "node:assert/strict";
import { type Answer, type Change, firstJudgement, judge } from "./judge";

describe("the judge of a run with faults", () => {
  /** Answers of one host, one per ms from `at` on, whose counters go on from `counter`. */
  function serves(
    host: string,
    { at, counter, count, line }: Record<"at" | "counter" | "count", number> & { line: string },
  ): Answer[] {
    const chain = (n: number) => `${line}${n}`;
    return Array.from({ length: count }, (_, index) => {
      const n = counter + index;
      return {
        at: at + index,
        host,
        protocol: "udp",
        state: { counter: n, before: chain(n - 1), chain: chain(n), past: chain(n - 1000) },
      };
    });
  }
  const owns = (
    host: string,
    epoch: number,
    since: number,
    gen: { epoch: number; gen: number } | null = null,
  ): Change[] => [
    { type: "owner", host, epoch, phase: "RESTORING", gen, since },
    { type: "owner", host, epoch, phase: "RUNNING", gen, since },
  ];
  const commits = (epoch: number, gen: number, at: number): Change => ({
    type: "generation",
    named: { epoch, gen, holders: ["ha1", "ha2"], at },
  });
  const story: Change[] = [...owns("ha1", 1, 0), commits(1, 1, 20), commits(1, 2, 40)];
  const first = serves("ha1", { at: 0, counter: 1, count: 60, line: "a" });
  const verdict = (answers: Answer[], changes: Change[], mayStartCold = false) =>
    judge(firstJudgement(), { answers, changes, mayStartCold }).map(({ kind }) => kind);

  it("finds nothing where the standby goes on from the last committed generation", () => {
    const after = serves("ha2", { at: 200, counter: 31, count: 50, line: "a" });
    const answers = [...first, { ...after[0]!, protocol: "other" as const, state: null }, ...after];
    assert.deepEqual(verdict(answers, [...story, ...owns("ha2", 2, 199, { epoch: 1, gen: 2 })]), []);
  });

  it("finds nothing where a holder more is recorded for a generation that was committed before", () => {
    const after = serves("ha2", { at: 200, counter: 31, count: 50, line: "a" });
    const changes = [...story, commits(1, 2, 40), ...owns("ha2", 2, 199, { epoch: 1, gen: 2 })];
    assert.deepEqual(verdict([...first, ...after], changes), []);
  });

  it("finds an overlap where the old host answers once more after the new one is RUNNING", () => {
    const late = { ...first[0]!, at: 201, state: null };
    const after = serves("ha2", { at: 200, counter: 31, count: 1, line: "a" });
    const changes = [...story, ...owns("ha2", 2, 199, { epoch: 1, gen: 2 })];
    assert.deepEqual(verdict([...first, ...after, late], changes), ["overlap"]);
  });

  it("finds an overlap where a host answers before its phase is RUNNING", () => {
    const early = serves("ha2", { at: 150, counter: 31, count: 1, line: "a" });
    const changes = [...story, ...owns("ha2", 2, 199, { epoch: 1, gen: 2 })];
    assert.deepEqual(verdict([...first, ...early], changes), ["overlap"]);
  });

  it("finds a loss where the memory is older than the generation can be", () => {
    const after = serves("ha2", { at: 200, counter: 15, count: 5, line: "a" });
    const changes = [...story, ...owns("ha2", 2, 199, { epoch: 1, gen: 2 })];
    assert.deepEqual(verdict([...first, ...after], changes), ["lost"]);
  });

  it("finds a loss where another generation than the committed one is restored", () => {
    const after = serves("ha2", { at: 200, counter: 31, count: 5, line: "a" });
    const changes = [...story, ...owns("ha2", 2, 199, { epoch: 1, gen: 1 })];
    assert.deepEqual(verdict([...first, ...after], changes), ["lost"]);
  });

  it("finds a loss where it starts cold, unless the fault makes the memory one not to trust", () => {
    const after = serves("ha2", { at: 200, counter: 1, count: 5, line: "b" });
    const changes: Change[] = [...story, ...owns("ha2", 2, 199), { type: "generation", named: null }];
    assert.deepEqual(verdict([...first, ...after], changes), ["lost"]);
    assert.deepEqual(verdict([...first, ...after], changes, true), []);
  });

  it("finds a loss where the counter steps back within one life", () => {
    const again = serves("ha1", { at: 60, counter: 50, count: 1, line: "a" });
    assert.deepEqual(verdict([...first, ...again], story), ["lost"]);
  });

  it("finds a loss where the memory is one that was never served", () => {
    const after = serves("ha2", { at: 200, counter: 45, count: 5, line: "b" });
    const changes = [...story, ...owns("ha2", 2, 199, { epoch: 1, gen: 2 })];
    assert.deepEqual(verdict([...first, ...after], changes), ["lost"]);
  });

  it("finds nothing where the first answers of the restored memory were lost on their way", () => {
    const before = serves("ha1", { at: 0, counter: 1, count: 1100, line: "a" });
    const changes = [
      ...[...owns("ha1", 1, 0), commits(1, 1, 1020), commits(1, 2, 1040)],
      ...owns("ha2", 2, 1199, { epoch: 1, gen: 2 }),
    ];
    const after = serves("ha2", { at: 1200, counter: 1045, count: 50, line: "b" });
    const heirs = after.map((answer) => ({
      ...answer,
      state: { ...answer.state!, past: `a${answer.state!.counter - 1000}` },
    }));
    assert.deepEqual(verdict([...before, ...heirs], changes), []);
    assert.deepEqual(verdict([...before, ...after], changes), ["lost"]);
  });

  it("knows from one look to the next what the generations hold", () => {
    const judgement = firstJudgement();
    assert.deepEqual(judge(judgement, { answers: first, changes: story, mayStartCold: false }), []);
    const after = serves("ha2", { at: 200, counter: 15, count: 5, line: "a" });
    const changes = owns("ha2", 2, 199, { epoch: 1, gen: 2 });
    const found = judge(judgement, { answers: after, changes, mayStartCold: false });
    assert.deepEqual(
      found.map(({ kind }) => kind),
      ["lost"],
    );
  });

  const moves = (host: string, at: number): Change[] => [
    { type: "migration", to: host },
    ...owns(host, 2, at, { epoch: 1, gen: 977 }),
    { type: "migration", to: null },
  ];

  it("finds nothing where a handover goes on from the last answer", () => {
    const after = serves("ha2", { at: 200, counter: 61, count: 50, line: "a" });
    assert.deepEqual(verdict([...first, ...after], [...story, ...moves("ha2", 199)]), []);
  });

  it("finds a loss where a handover goes on from before the last answer, or from none that was recorded", () => {
    const early = serves("ha2", { at: 200, counter: 60, count: 5, line: "a" });
    assert.deepEqual(verdict([...first, ...early], [...story, ...moves("ha2", 199)]), ["lost"]);
    const after = serves("ha2", { at: 200, counter: 61, count: 5, line: "a" });
    const changes = [...story, ...owns("ha2", 2, 199, { epoch: 1, gen: 977 })];
    assert.deepEqual(verdict([...first, ...after], changes), ["lost"]);
  });

  it("finds nothing where the target takes the last generation, since the source died during the handover", () => {
    const after = serves("ha2", { at: 200, counter: 31, count: 50, line: "a" });
    const begun: Change[] = [{ type: "migration", to: "ha2" }, ...owns("ha2", 2, 199, { epoch: 1, gen: 2 })];
    assert.deepEqual(verdict([...first, ...after], [...story, ...begun]), []);
  });

  it("takes no offence at a TCP answer that is sent again", () => {
    const again = { ...first[10]!, at: 70, protocol: "tcp" as const };
    assert.deepEqual(verdict([...first, again], story), []);
  });
});
